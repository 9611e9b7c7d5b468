//! Checkpoints: bits that come back, whatever is wrong refused, and a power cut at any byte survived.

use flatgrad::Error;
use flatgrad::checkpoint::{self, Header, Parts, PartsMut, Slot, load, newest, next, save};

const HEADER: Header = Header { model: 7, sequence: 1 << 40, step: 123_456_789_012, epoch: 3 };
const PARAMS: [f32; 7] = [1.0, -0.0, f32::INFINITY, f32::NAN, 1e-45, f32::MIN, 0.1];
const GENERATOR: [u8; 5] = [1, 2, 3, 254, 255];

/// Floats that are integers by their bits, among them a signalling NaN.
fn optimizer() -> [f32; 3] {
    [1, 0x7f80_0001, 0xffff_ffff].map(f32::from_bits)
}

fn parts(optimizer: &[f32; 3]) -> Parts<'_> {
    Parts { params: &PARAMS, buffers: &[2.5], optimizer, generator: &GENERATOR }
}

const LEN: usize = checkpoint::len(7, 1, 3, 5);

fn saved(header: Header) -> Vec<u8> {
    let mut bytes = vec![0xaa; LEN];
    save(header, parts(&optimizer()), &mut bytes).expect("it fits");
    bytes
}

/// Loads into memory that is otherwise filled; `Err` with what is no longer as it was.
fn loaded(bytes: &[u8], model: u64) -> (Result<Header, Error>, Vec<u32>, [u8; 5]) {
    let (mut params, mut buffers, mut optimizer, mut generator) = ([9.0; 7], [9.0; 1], [9.0; 3], [9; 5]);
    let (p, b, o, g) = (&mut params, &mut buffers, &mut optimizer, &mut generator);
    let header = load(bytes, model, PartsMut { params: p, buffers: b, optimizer: o, generator: g });
    let floats = [&params[..], &buffers, &optimizer].concat();
    (header, floats.iter().map(|x| x.to_bits()).collect(), generator)
}

#[track_caller]
fn assert_refused(bytes: &[u8], why: &str) {
    let (header, floats, generator) = loaded(bytes, 7);
    assert!(header.is_err(), "{why}: loaded");
    assert!(floats.iter().all(|x| *x == 9f32.to_bits()) && generator == [9; 5], "{why}: written");
    assert_eq!(checkpoint::header(bytes).is_err(), newest(bytes, &[]).is_none(), "{why}");
}

#[test]
fn every_bit_comes_back() {
    let (header, floats, generator) = loaded(&saved(HEADER), 7);
    let expected = [&PARAMS[..], &[2.5], &optimizer()].concat();
    assert_eq!(floats, expected.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
    assert_eq!((header, generator), (Ok(HEADER), GENERATOR));
    assert_eq!(checkpoint::header(&saved(HEADER)), Ok(HEADER));

    // A slot may be longer.
    let slot = [saved(HEADER), vec![0xff; 100]].concat();
    assert_eq!(loaded(&slot, 7).0, Ok(HEADER));
    // Of everything there may be nothing.
    let mut bytes = vec![0; checkpoint::len(0, 0, 0, 0)];
    save(HEADER, Parts::default(), &mut bytes).expect("it fits");
    assert_eq!(load(&bytes, 7, PartsMut::default()), Ok(HEADER));
}

#[test]
fn the_format_is_the_one_described() {
    let mut expected = b"flatgrad".to_vec();
    expected.extend([1u32, 5].iter().flat_map(|x| x.to_le_bytes()));
    expected.extend([7, 1 << 40, 123_456_789_012, 3, 7, 1, 3].iter().flat_map(|x: &u64| x.to_le_bytes()));
    expected.extend(PARAMS.iter().chain(&[2.5]).chain(&optimizer()).flat_map(|x| x.to_le_bytes()));
    expected.extend(GENERATOR);
    // CRC-32 bit by bit.
    let mut crc = u32::MAX;
    for byte in &expected {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
        }
    }
    expected.extend((!crc).to_le_bytes());
    assert_eq!(saved(HEADER), expected);
}

#[test]
fn whatever_is_wrong_is_refused() {
    let bytes = saved(HEADER);
    for len in 0..bytes.len() {
        assert_refused(&bytes[..len], &format!("cut to {len} bytes"));
    }
    for i in 0..bytes.len() {
        for bit in 0..8 {
            let mut wrong = bytes.clone();
            wrong[i] ^= 1 << bit;
            assert_refused(&wrong, &format!("bit {bit} of byte {i}"));
        }
    }
    assert_refused(&[0; 200], "zeros");
    assert_refused(&[0xff; 200], "erased flash");
    assert_eq!(loaded(&bytes, 8).0, Err(format("the checkpoint is of another model")));
    assert_eq!(loaded(b"flatgrad and something else", 7).0, Err(format("the checkpoint has another version")));
}

fn format(expected: &'static str) -> Error {
    Error::Format { argument: "bytes", expected }
}

#[test]
fn other_lengths_are_refused() {
    let bytes = saved(HEADER);
    let mut floats = [9.0; 16];
    let mut generator = [9; 8];
    for (lens, argument) in [
        ([6, 1, 3, 5], "params"),
        ([8, 1, 3, 5], "params"),
        ([7, 0, 3, 5], "buffers"),
        ([7, 1, 4, 5], "optimizer"),
        ([7, 1, 3, 4], "generator"),
    ] {
        let (params, rest) = floats.split_at_mut(lens[0]);
        let (buffers, rest) = rest.split_at_mut(lens[1]);
        let optimizer = &mut rest[..lens[2]];
        let error = load(&bytes, 7, PartsMut { params, buffers, optimizer, generator: &mut generator[..lens[3]] });
        assert!(matches!(error, Err(Error::Length { argument: name, .. }) if name == argument), "{error:?}");
        assert!(floats == [9.0; 16] && generator == [9; 8], "{argument}: written");
    }
    let mut short = [7; LEN - 1];
    let error = save(HEADER, parts(&optimizer()), &mut short);
    assert_eq!(error, Err(Error::Length { argument: "bytes", expected: LEN, found: LEN - 1 }));
    assert_eq!(short, [7; LEN - 1]);
}

/// The power fails after any byte of any write, over an older checkpoint or over erased flash: the checkpoint before is
/// still there, and is what the next write leaves alone.
#[test]
fn a_power_cut_at_any_byte_leaves_the_checkpoint_before() {
    let header = |sequence| Header { sequence, step: 100 * sequence, ..HEADER };
    for before in 1..=3u64 {
        // Sequences 1, 3 are in slot A, 2 in slot B; what is older lies in the other one.
        let old = if before == 1 { vec![0xff; LEN] } else { saved(header(before - 1)) };
        let current = saved(header(before));
        let new = saved(header(before + 1));
        let is_a = before % 2 == 1;
        let order = |own: &[u8], other: &[u8]| {
            let (own, other) = (own.to_vec(), other.to_vec());
            if is_a { (own, other) } else { (other, own) }
        };
        let (own, other) = if is_a { (Slot::A, Slot::B) } else { (Slot::B, Slot::A) };
        let (a, b) = order(&current, &old);
        assert_eq!((newest(&a, &b), next(&a, &b)), (Some(own), (other, before + 1)));
        for written in 0..=LEN {
            for rest in [&old[..], &[0xff; LEN], &[0; LEN]] {
                let torn = [&new[..written], &rest[written..]].concat();
                let (a, b) = order(&current, &torn);
                if torn == new {
                    assert_eq!((newest(&a, &b), next(&a, &b)), (Some(other), (own, before + 2)));
                } else {
                    // The old one where nothing is written yet, else nothing: never what is half old and half new.
                    assert_eq!(newest(&a, &b), Some(own), "{written} bytes written");
                    assert_eq!(next(&a, &b), (other, before + 1), "{written} bytes written");
                }
            }
        }
    }
    assert_eq!((newest(&[], &[]), next(&[], &[])), (None, (Slot::A, 1)));
}

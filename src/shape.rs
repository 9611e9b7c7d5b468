//! Length checks, done once at the public edge, and the rows of slices.

use crate::error::{Error, Result};
use core::{iter, mem};

/// `xs` must hold `rows * columns` elements.
#[inline]
pub(crate) const fn check_len<T>(argument: &'static str, xs: &[T], rows: usize, columns: usize) -> Result<()> {
    let expected = rows.saturating_mul(columns);
    if xs.len() == expected { Ok(()) } else { Err(Error::Length { argument, expected, found: xs.len() }) }
}

/// `xs` must hold at least `expected` elements.
#[inline]
pub(crate) const fn check_at_least<T>(argument: &'static str, xs: &[T], expected: usize) -> Result<()> {
    if xs.len() >= expected { Ok(()) } else { Err(Error::Length { argument, expected, found: xs.len() }) }
}

/// How many rows of `width` elements `xs` holds.
#[inline]
pub(crate) const fn check_rows<T>(argument: &'static str, xs: &[T], width: usize) -> Result<usize> {
    if width == 0 {
        return if xs.is_empty() { Ok(0) } else { Err(Error::Rows { argument, width, found: xs.len() }) };
    }
    if xs.len().is_multiple_of(width) {
        Ok(xs.len() / width)
    } else {
        Err(Error::Rows { argument, width, found: xs.len() })
    }
}

/// Each of `labels` must be in `0..classes`.
pub(crate) fn check_classes(argument: &'static str, labels: &[i32], classes: usize) -> Result<()> {
    let is_bad = |label: &i32| usize::try_from(*label).map_or(true, |label| label >= classes);
    match labels.iter().enumerate().find(|(_, label)| is_bad(label)) {
        Some((index, found)) => Err(Error::Label { argument, index, classes, found: *found }),
        None => Ok(()),
    }
}

/// `xs` in rows of `width`, the last of which may be shorter; none where `width` is 0.
///
/// `chunks` divides by the width where it is zipped: compiled for size that is out of line, where nobody knows that the width
/// is not 0, so it could panic.
#[inline(always)]
pub(crate) fn rows<T>(mut xs: &[T], width: usize) -> impl Iterator<Item = &[T]> {
    iter::from_fn(
        #[inline(always)]
        move || {
            let (row, rest) = xs.split_at_checked(width.min(xs.len()))?;
            xs = rest;
            (!row.is_empty()).then_some(row)
        },
    )
}

/// [`rows`], writable.
#[inline(always)]
pub(crate) fn rows_mut<T>(mut xs: &mut [T], width: usize) -> impl Iterator<Item = &mut [T]> {
    iter::from_fn(
        #[inline(always)]
        move || {
            let end = width.min(xs.len());
            let (row, rest) = mem::take(&mut xs).split_at_mut_checked(end)?;
            xs = rest;
            (!row.is_empty()).then_some(row)
        },
    )
}

//! Length checks, done once at the public edge.

use crate::error::{Error, Result};

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

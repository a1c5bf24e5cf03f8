//! Reading commands and letters, both bounded.

use providers::dsn::MAX_BYTES;
use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// RFC 5321, 4.5.3.1.4 has 512 for a command, with extensions more; a line of a letter has 1,000.
const MAX_LINE_BYTES: u64 = 4_096;
/// What is read of a letter that is too large, before the connection is given up.
const MAX_READ_BYTES: usize = 8 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Without its end.
    Complete(Vec<u8>),
    /// Read to its end, and thrown away.
    TooLong,
    /// The other side has gone.
    End,
}

pub(super) async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Line> {
    let (mut line, mut too_long, mut read) = (Vec::new(), false, 0);
    loop {
        line.clear();
        let part = (&mut *reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await?;
        read += part;
        if line.ends_with(b"\n") {
            break;
        }
        if (part as u64) < MAX_LINE_BYTES || read > MAX_READ_BYTES {
            return Ok(Line::End);
        }
        too_long = true;
    }
    if too_long {
        return Ok(Line::TooLong);
    }
    line.truncate(line.trim_ascii_end().len());
    Ok(Line::Complete(line))
}

/// A letter up to the dot that ends it, with the dots that were added to it taken away again. Only CRLF ends a line, so that nothing in a
/// letter can pass for a command. None if it was larger than allowed.
///
/// # Errors
/// When the connection ends before the letter, or the letter goes on and on.
pub(super) async fn read_letter(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let (mut letter, mut line, mut at_start, mut read) = (Vec::new(), Vec::new(), true, 0);
    loop {
        line.clear();
        let part = (&mut *reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await?;
        read += part;
        if part == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if at_start && line == b".\r\n" {
            return Ok((letter.len() <= MAX_BYTES).then_some(letter));
        }
        if read > MAX_READ_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the letter doesn't end"));
        }
        let kept = if at_start { line.strip_prefix(b".").unwrap_or(&line) } else { &line };
        // One byte too many is kept of a letter that is too large, to know it by.
        let room = (MAX_BYTES + 1).saturating_sub(letter.len());
        letter.extend_from_slice(kept.get(..room.min(kept.len())).unwrap_or_default());
        at_start = line.ends_with(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn letter(input: &[u8]) -> io::Result<Option<Vec<u8>>> {
        read_letter(&mut &input[..]).await
    }

    #[tokio::test]
    async fn only_a_dot_alone_between_line_ends_ends_a_letter() {
        assert_eq!(letter(b"a\r\n..b\r\n\r\n.\r\nQUIT\r\n").await.unwrap().unwrap(), b"a\r\n.b\r\n\r\n");
        assert_eq!(letter(b"a\n.\nMAIL FROM:<x>\r\n.\r\n").await.unwrap().unwrap(), b"a\n.\nMAIL FROM:<x>\r\n");
        assert_eq!(letter(b"a\n.\r\nb\r\n.\r\n").await.unwrap().unwrap(), b"a\n.\r\nb\r\n");
        assert!(letter(b"a\r\n").await.is_err(), "it has no end");
    }

    #[tokio::test]
    async fn what_is_too_large_is_read_to_its_end_and_no_further() {
        let of = |bytes: usize| [&vec![b'x'; bytes][..], b"\r\n.\r\n"].concat();
        assert_eq!(letter(&of(MAX_BYTES - 2)).await.unwrap().unwrap().len(), MAX_BYTES);
        assert_eq!(letter(&of(MAX_BYTES)).await.unwrap(), None);
        assert!(letter(&of(MAX_READ_BYTES + 1)).await.is_err());
    }

    #[tokio::test]
    async fn lines_are_bounded() {
        let input = [&vec![b'x'; 10_000][..], b"\r\nNOOP \r\n"].concat();
        let mut reader = &input[..];
        assert_eq!(read_line(&mut reader).await.unwrap(), Line::TooLong);
        assert_eq!(read_line(&mut reader).await.unwrap(), Line::Complete(b"NOOP".to_vec()));
        assert_eq!(read_line(&mut reader).await.unwrap(), Line::End);
    }
}

//! Reading commands and message data, both bounded.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// RFC 5321 allows 512 bytes, RFC 4954 asks for 12,288 where a login may stand in it.
const MAX_LINE_BYTES: u64 = 12_288;

/// The largest message, as announced with SIZE.
pub const MAX_MESSAGE_BYTES: usize = 20 * 1024 * 1024;

pub enum Line {
    /// Without its end.
    Complete(Vec<u8>),
    /// Read to its end, and thrown away.
    TooLong,
    /// The other side has gone.
    End,
}

pub async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Line> {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        line.clear();
        let read = (&mut *reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await?;
        if line.ends_with(b"\n") {
            break;
        }
        if (read as u64) < MAX_LINE_BYTES {
            return Ok(Line::End);
        }
        too_long = true;
    }
    if too_long {
        return Ok(Line::TooLong);
    }
    line.pop();
    if line.ends_with(b"\r") {
        line.pop();
    }
    Ok(Line::Complete(line))
}

/// Message data up to its final dot, with the dots that were added to it taken away again. None if it was
/// larger than allowed: then it is read to its end all the same. Only CRLF ends a line here.
pub async fn read_data(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    let mut line = Vec::new();
    let mut at_start = true;
    let mut fits = true;
    loop {
        line.clear();
        let read = (&mut *reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if at_start && line == b".\r\n" {
            return Ok(fits.then_some(message));
        }
        let kept = if at_start { line.strip_prefix(b".").unwrap_or(&line) } else { &line };
        fits &= message.len() + kept.len() <= MAX_MESSAGE_BYTES;
        if fits {
            message.extend_from_slice(kept);
        }
        at_start = line.ends_with(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn data(input: &[u8]) -> Option<Vec<u8>> {
        read_data(&mut &input[..]).await.unwrap()
    }

    #[tokio::test]
    async fn dots_are_unstuffed_and_only_a_dot_alone_ends_it() {
        assert_eq!(data(b"a\r\n..b\r\n.c\r\n\r\n.\r\nnext").await.unwrap(), b"a\r\n.b\r\nc\r\n\r\n");
        assert_eq!(data(b".\r\n").await.unwrap(), b"");
        assert_eq!(data(b"a\n.\r\nb\r\n.\r\n").await.unwrap(), b"a\n.\r\nb\r\n", "a bare line feed ends no line");
    }

    #[tokio::test]
    async fn what_is_too_large_is_read_and_dropped() {
        let mut input = vec![b'x'; MAX_MESSAGE_BYTES + 1];
        input.extend_from_slice(b"\r\n.\r\n");
        assert_eq!(data(&input).await, None);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_skipped() {
        let mut input = vec![b'x'; 2 * MAX_LINE_BYTES as usize];
        input.extend_from_slice(b"\r\nNOOP\r\n");
        let mut reader = &input[..];
        assert!(matches!(read_line(&mut reader).await.unwrap(), Line::TooLong));
        assert!(matches!(read_line(&mut reader).await.unwrap(), Line::Complete(line) if line == b"NOOP"));
        assert!(matches!(read_line(&mut reader).await.unwrap(), Line::End));
    }
}

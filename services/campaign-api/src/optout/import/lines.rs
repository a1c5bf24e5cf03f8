//! Lines of a file that comes in pieces.

/// A line at most; an address, a channel, a reason and a date are far shorter.
const MAX_LINE_BYTES: usize = 16 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Without its end.
    Bytes(Vec<u8>),
    TooLong,
}

/// Puts lines together that pieces have cut.
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
    /// The line under way is too long: what comes of it is dropped.
    skips: bool,
    /// Whether the byte order mark, if there is one, has been taken off.
    begun: bool,
}

impl Lines {
    /// The lines that end in this piece. Those that are empty are left out.
    pub fn feed(&mut self, piece: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.push(&rest[..end]);
            lines.extend(self.take());
            rest = &rest[end + 1..];
        }
        self.push(rest);
        lines
    }

    /// The last line, if it has no end.
    pub fn end(mut self) -> Option<Line> {
        self.take()
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.partial.len() + bytes.len() > MAX_LINE_BYTES {
            self.skips = true;
            self.partial.clear();
        }
        if !self.skips {
            self.partial.extend_from_slice(bytes);
        }
    }

    fn take(&mut self) -> Option<Line> {
        let mut line = std::mem::take(&mut self.partial);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        if std::mem::take(&mut self.skips) {
            return Some(Line::TooLong);
        }
        if line.ends_with(b"\r") {
            line.pop();
        }
        (!line.trim_ascii().is_empty()).then_some(Line::Bytes(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_are_the_same_however_they_are_cut() {
        let file = "\u{feff}address\r\n\na@example.com\n  \r\nlast@example.com";
        let expected = [line("address"), line("a@example.com"), line("last@example.com")];
        for size in [1, 2, 3, 7, 1_000] {
            let mut lines = Lines::default();
            let mut read: Vec<_> = file.as_bytes().chunks(size).flat_map(|piece| lines.feed(piece)).collect();
            read.extend(lines.end());
            assert_eq!(read, expected, "{size}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself() {
        let mut lines = Lines::default();
        let file = format!("a\n{}\nb\n", "x".repeat(MAX_LINE_BYTES + 1));
        let read: Vec<_> = file.as_bytes().chunks(1_000).flat_map(|piece| lines.feed(piece)).collect();
        assert_eq!(read, [line("a"), Line::TooLong, line("b")]);
        assert_eq!(lines.end(), None);
    }
}

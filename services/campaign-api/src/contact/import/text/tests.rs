use super::*;

/// Gives a few bytes at a time.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.1.min(buffer.len()).min(self.0.len());
        buffer[..bytes].copy_from_slice(&self.0[..bytes]);
        self.0 = &self.0[bytes..];
        Ok(bytes)
    }
}

fn read_as(file: &[u8], said: FileEncoding) -> (Vec<u8>, FileEncoding) {
    let mut whole = None;
    for step in [1, 3, usize::MAX] {
        let mut text = Text::new(Slow(file, step), said);
        let found = text.found();
        let mut bytes = Vec::new();
        text.read_to_end(&mut bytes).unwrap();
        let result = (bytes, found.get());
        assert!(whole.get_or_insert_with(|| result.clone()) == &result, "in steps of {step}");
    }
    whole.unwrap()
}

fn read(file: &[u8]) -> (String, FileEncoding) {
    let (bytes, encoding) = read_as(file, FileEncoding::Unspecified);
    (String::from_utf8(bytes).unwrap(), encoding)
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

const FILE: &str = "external_id,name,email\n1,Zoë Müller,z@example.com\n2,سارة,s@example.com\n3,😀,x@example.com\n";

#[test]
fn every_encoding_is_found_out() {
    use FileEncoding::{Utf8, Utf16Be, Utf16Le, Windows1252};
    let marked = format!("\u{feff}{FILE}");
    for (bytes, encoding) in [
        (FILE.as_bytes().to_vec(), Utf8),
        (marked.as_bytes().to_vec(), Utf8),
        (utf16(FILE, u16::to_le_bytes), Utf16Le),
        (utf16(FILE, u16::to_be_bytes), Utf16Be),
        (utf16(&marked, u16::to_le_bytes), Utf16Le),
        (utf16(&marked, u16::to_be_bytes), Utf16Be),
    ] {
        assert_eq!(read(&bytes), (FILE.to_owned(), encoding));
    }
    assert_eq!(read(b"name\nZo\xeb M\xfcller \x80 \x93x\x94\n"), ("name\nZoë Müller € “x”\n".to_owned(), Windows1252));
    for plain in ["", "a", "email\nx@example.com\n"] {
        assert_eq!(read(plain.as_bytes()), (plain.to_owned(), Utf8));
    }
}

#[test]
fn the_first_byte_beyond_ascii_decides_however_late_it_comes() {
    let ascii = "email,name\n".to_owned() + &"a@example.com,A\n".repeat(20_000);
    let mut windows = ascii.clone().into_bytes();
    windows.extend_from_slice(b"b@example.com,J\xfcrgen\n");
    let (text, encoding) = read(&windows);
    assert_eq!((encoding, text.ends_with("Jürgen\n")), (FileEncoding::Windows1252, true));
    let (text, encoding) = read((ascii + "b@example.com,Jürgen\n").as_bytes());
    assert_eq!((encoding, text.ends_with("Jürgen\n")), (FileEncoding::Utf8, true));
}

#[test]
fn broken_bytes_stay_where_they_are() {
    let (bytes, encoding) = read_as(b"a,J\xc3\xbcrgen\nb,J\xfcrgen\n", FileEncoding::Unspecified);
    assert_eq!((bytes.as_slice(), encoding), (&b"a,J\xc3\xbcrgen\nb,J\xfcrgen\n"[..], FileEncoding::Utf8));
    let (bytes, encoding) = read_as(b"a\nF\xff\n", FileEncoding::Unspecified);
    assert_eq!((bytes.as_slice(), encoding), (&b"a\nF\xff\n"[..], FileEncoding::Utf8), "no letter");
    let mut broken = utf16("\u{feff}ab\n", u16::to_le_bytes);
    broken.extend_from_slice(&[0x00, 0xd8]);
    broken.extend(utf16("c\n", u16::to_le_bytes));
    broken.push(b'x');
    assert_eq!(read_as(&broken, FileEncoding::Unspecified).0, b"ab\n\xffc\n\xff", "half a pair, and half a unit");
}

#[test]
fn what_the_caller_says_is_not_judged() {
    let said = |encoding| read_as(b"J\xc3\xbc\n", encoding);
    assert_eq!(said(FileEncoding::Windows1252), ("JÃ¼\n".as_bytes().to_vec(), FileEncoding::Windows1252));
    assert_eq!(said(FileEncoding::Utf8), ("Jü\n".as_bytes().to_vec(), FileEncoding::Utf8));
    let marked = utf16("\u{feff}ab", u16::to_be_bytes);
    assert_eq!(read_as(&marked, FileEncoding::Utf16Be).0, b"ab");
}

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

fn read_in(file: &str, step: usize) -> Vec<String> {
    let mut records = Records::new(Slow(file.as_bytes(), step), b',');
    let mut found = Vec::new();
    loop {
        let width = match records.next().unwrap() {
            Next::End => return found,
            Next::Broken(reason) => {
                found.push(format!("! {reason}"));
                None
            }
            Next::Record(record) => {
                let fields: Vec<_> = record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
                found.push(fields.join("|"));
                Some(record.len())
            }
        };
        if let Some(width) = width.filter(|_| found.len() == 1) {
            records.expect_width(width);
        }
    }
}

fn read(file: &str) -> Vec<String> {
    let whole = read_in(file, usize::MAX);
    for step in [1, 2, 7, 100_000] {
        assert_eq!(read_in(file, step), whole, "in steps of {step}");
    }
    whole
}

const BROKEN: &str = "! has a quote that is not closed, or that is in a wrong place";

#[test]
fn records_are_read() {
    assert_eq!(read("a,b\n1,2\r\n3,4\n"), ["a|b", "1|2", "3|4"]);
    assert_eq!(read("a,b\n1,\"x, \"\"y\"\"\"\n\n3,4"), ["a|b", "1|x, \"y\"", "3|4"]);
    assert_eq!(read("a,b\n1,\"two\nlines\"\n3,4"), ["a|b", "1|two\nlines", "3|4"]);
    assert_eq!(read("a,b\n1\n1,2,3\n"), ["a|b", "1", "1|2|3"]);
    assert_eq!(read("a,b\n5\" pipe,2\n"), ["a|b", "5\" pipe|2"]);
    assert!(read("").is_empty());
}

#[test]
fn a_stray_quote_costs_one_line() {
    assert_eq!(read("a,b\n1,\"x\n2,y\n3,z\n"), ["a|b", BROKEN, "2|y", "3|z"]);
    assert_eq!(read("a,b\n\"1,x\n2,y\n3,z\n"), ["a|b", BROKEN, "2|y", "3|z"]);
    assert_eq!(read("a,b\r\n1,\"x\r\n2,y\r\n3,\"z\"\r\n4,w\r\n"), ["a|b", BROKEN, "2|y", "3|z", "4|w"]);
    assert_eq!(read("a,b\n1,\"x\n2,\"y\n3,z\n"), ["a|b", BROKEN, BROKEN, "3|z"]);
    assert_eq!(read("a,b,c\n1,\"x,y\n4,5,6\n7,\"8\",9\n"), ["a|b|c", BROKEN, "4|5|6", "7|8|9"]);
    assert_eq!(read("a,b\n1,\"x"), ["a|b", "1|x"], "a whole line is not worth losing");
}

#[test]
fn a_stray_quote_in_a_long_file_costs_one_line() {
    let mut file = "a,b\n1,\"x\n".to_owned();
    for n in 2..100_000 {
        file.push_str(&format!("{n},y\n"));
    }
    for step in [usize::MAX, 1_000] {
        let found = read_in(&file, step);
        assert_eq!(found.len(), 100_000);
        assert_eq!((found[1].as_str(), found[2].as_str(), found[99_999].as_str()), (BROKEN, "2|y", "99999|y"));
    }
}

#[test]
fn a_line_without_end_is_left_out_in_bounded_memory() {
    let file = format!("a,b\n1,2\n{}\n3,4\n", "x".repeat(3 * MAX_RECORD_BYTES));
    for step in [usize::MAX, 1_000] {
        assert_eq!(read_in(&file, step), ["a|b", "1|2", "! is longer than 256 KiB", "3|4"]);
    }
    let file = format!("a,b\n\"{}\n3,4\n", "x".repeat(3 * MAX_RECORD_BYTES));
    assert_eq!(read_in(&file, 1_000), ["a|b", "! is longer than 256 KiB", "3|4"]);
}

#[test]
fn many_records_are_read_in_bounded_memory() {
    let mut file = String::from("a,b\n");
    for n in 0..200_000 {
        file.push_str(&format!("{n},\"some text, with a comma\"\n"));
    }
    let mut records = Records::new(file.as_bytes(), b',');
    let mut count = 0;
    while let Next::Record(_) = records.next().unwrap() {
        count += 1;
        assert!(records.kept.0.borrow().bytes.len() <= 4 * BUFFER_BYTES);
    }
    assert_eq!(count, 200_001);
}

#[test]
fn quotes_are_where_they_belong() {
    for good in ["", "a,b", "\"a\",\"b\"", "\"a\"\"b\"", "\"a\nb\",c", "5\" pipe", "\"\"", ",,"] {
        assert!(is_well_quoted(good.as_bytes(), b','), "{good:?}");
    }
    assert!(is_well_quoted(b"\"a\";b", b';') && !is_well_quoted(b"\"a\";b", b','));
    for bad in ["\"a", "\"a\"b", "a,\"b", "\"a\" ,b"] {
        assert!(!is_well_quoted(bad.as_bytes(), b','), "{bad:?}");
    }
}

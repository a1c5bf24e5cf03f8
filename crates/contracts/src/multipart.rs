//! A multipart/form-data body (RFC 7578), read strictly.

/// One part.
pub(crate) struct Part {
    pub name: String,
    /// Text, or of a file whatever of it is text.
    pub text: String,
}

/// The parts, or what is wrong with the body.
pub(crate) fn parts(content_type: &str, body: &[u8]) -> Result<Vec<Part>, String> {
    let boundary = content_type.split(';').find_map(|part| part.trim().strip_prefix("boundary="));
    let boundary = boundary.map(|text| text.trim_matches('"')).filter(|text| !text.is_empty()).ok_or("multipart without a boundary")?;
    let delimiter = format!("--{boundary}");
    let body = body.strip_prefix(delimiter.as_bytes()).ok_or("the body doesn't begin with the boundary")?;
    let delimiter = format!("\r\n{delimiter}");
    let mut rest = body;
    let mut found = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Ok(found);
        }
        let inner = rest.strip_prefix(b"\r\n").ok_or("no line break after a boundary")?;
        let end = position(inner, delimiter.as_bytes()).ok_or("the last boundary is missing")?;
        found.push(part(&inner[..end])?);
        rest = &inner[end + delimiter.len()..];
    }
}

fn part(bytes: &[u8]) -> Result<Part, String> {
    let end = position(bytes, b"\r\n\r\n").ok_or("a part without a head")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let disposition = head.split("\r\n").find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"));
    let disposition = disposition.ok_or("a part without Content-Disposition")?;
    let name = disposition.split(';').find_map(|field| field.trim().strip_prefix("name="));
    let name = name.map(|text| text.trim_matches('"').to_owned()).ok_or("a part without a name")?;
    Ok(Part { name, text: String::from_utf8_lossy(&bytes[end + 4..]).into_owned() })
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_and_halves_are_refused() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nimage/png\r\n--x\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--x--\r\n";
        let found = parts("multipart/form-data; boundary=x", body).unwrap_or_else(|error| panic!("{error}"));
        let names: Vec<_> = found.iter().map(|part| part.name.as_str()).collect();
        assert_eq!((names, found[0].text.as_str()), (vec!["type", "file"], "image/png"));
        assert!(parts("multipart/form-data; boundary=x", &body[..body.len() - 8]).is_err());
        assert!(parts("multipart/form-data", body).is_err());
        assert!(parts("multipart/form-data; boundary=y", body).is_err());
    }
}

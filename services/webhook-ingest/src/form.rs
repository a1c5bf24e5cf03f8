//! The form of a one-click unsubscribe (RFC 8058 section 3.2): `List-Unsubscribe=One-Click`, as multipart or urlencoded.

const NAME: &str = "List-Unsubscribe";
const VALUE: &str = "One-Click";

/// Whether the body asks to unsubscribe.
pub(crate) fn is_one_click(content_type: &str, body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body);
    match boundary(content_type) {
        Some(boundary) => multipart(&body, &boundary),
        None => urlencoded(&body),
    }
}

/// None unless it is multipart.
fn boundary(content_type: &str) -> Option<String> {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parts.find_map(|part| part.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("boundary")))?.1;
    Some(value.trim().trim_matches('"').to_owned()).filter(|boundary| !boundary.is_empty())
}

fn multipart(body: &str, boundary: &str) -> bool {
    let delimiter = format!("--{boundary}");
    body.split(delimiter.as_str()).any(|part| {
        // Some senders end lines with a bare LF.
        let Some((headers, value)) = part.split_once("\r\n\r\n").or_else(|| part.split_once("\n\n")) else { return false };
        names_the_field(headers) && value.trim() == VALUE
    })
}

fn names_the_field(headers: &str) -> bool {
    headers.lines().filter(|line| line.to_ascii_lowercase().starts_with("content-disposition:")).any(|line| {
        line.split(';')
            .filter_map(|part| part.split_once('='))
            .any(|(name, value)| name.trim().eq_ignore_ascii_case("name") && value.trim().trim_matches('"').eq_ignore_ascii_case(NAME))
    })
}

fn urlencoded(body: &str) -> bool {
    body.trim().split('&').filter_map(|pair| pair.split_once('=')).any(|(name, value)| name.eq_ignore_ascii_case(NAME) && value == VALUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_are_read() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--";
        assert!(is_one_click("multipart/form-data; boundary=x", body));
        assert!(is_one_click("Multipart/Form-Data; charset=utf-8; Boundary=\"x\"", body));
        assert!(is_one_click("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"));
        assert!(is_one_click("", b"a=b&List-Unsubscribe=One-Click\r\n"));
    }

    #[test]
    fn nothing_else_unsubscribes() {
        let other = b"--x\r\nContent-Disposition: form-data; name=\"filename\"\r\n\r\nOne-Click\r\n--x--";
        assert!(!is_one_click("multipart/form-data; boundary=x", other));
        assert!(!is_one_click("multipart/form-data; boundary=x", b"List-Unsubscribe=One-Click"));
        for body in ["", "One-Click", "List-Unsubscribe", "List-Unsubscribe=", "List-Unsubscribe=No"] {
            assert!(!is_one_click("application/x-www-form-urlencoded", body.as_bytes()), "{body}");
        }
    }
}

//! Small pieces that the webhook proofs share.

use ring::hmac;

/// Whether two secrets are the same, in a time that tells nothing about either.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    // Comparing MACs hides the position of the first difference, and the lengths too.
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"fanfare comparison");
    hmac::verify(&key, a, hmac::sign(&key, b).as_ref()).is_ok()
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS[usize::from(nibble & 0x0f)];
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte)]).collect()
}

/// Reads lower-case hexadecimal; anything else is `None`, upper case too, so that a signature has one spelling only.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_has_one_spelling() {
        assert_eq!(hex(&[0x00, 0xaf, 0x10]), "00af10");
        assert_eq!(unhex("00af10").unwrap(), [0x00, 0xaf, 0x10]);
        for bad in ["0", "0G", "AF", " 0"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }

    #[test]
    fn same_compares_whole_texts() {
        assert!(same(b"token", b"token"));
        assert!(!same(b"token", b"toke"));
        assert!(!same(b"", b"token"));
    }
}

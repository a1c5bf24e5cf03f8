//! What a file may be, and whether those that a content names are there.

use domain::{
    WorkspaceId,
    content::{MAX_FILES_BYTES, TemplateContent, media_type_of},
};
use runtime::status::{self, Violations};
use std::collections::BTreeMap;
use store::{PgConnection, attachment};
use tonic::Status;
use uuid::Uuid;

const MAX_NAME: usize = 120;
/// How names of files end that mailboxes take.
const ENDS: [&str; 13] = ["png", "jpg", "jpeg", "gif", "webp", "pdf", "docx", "xlsx", "pptx", "ics", "vcf", "csv", "txt"];

/// A name as recipients may see it.
pub fn name(name: &str, violations: &mut Violations) -> String {
    let name = name.trim();
    let fits = (1..=MAX_NAME).contains(&name.chars().count()) && !name.contains(['/', '\\']) && !name.chars().any(char::is_control);
    violations.expect(fits, "name", "must have 1 to 120 characters, without slashes and line breaks");
    violations.expect(ends_well(name), "name", "must end with what the file is, such as .pdf: computers go by that and not by its bytes");
    name.to_owned()
}

/// A script can begin as a picture does; it runs only by the end of its name. Windows leaves out dots and blanks behind that.
fn ends_well(name: &str) -> bool {
    match name.trim_end_matches(['.', ' ']).rsplit_once('.') {
        Some((_, end)) => ENDS.contains(&end.to_ascii_lowercase().as_str()) || !end.contains(char::is_alphabetic),
        None => true,
    }
}

/// What the bytes are; empty when that was noted as a violation.
pub fn media_type(content: &[u8], name: &str, violations: &mut Violations) -> &'static str {
    if content.is_empty() || content.len() as u64 > MAX_FILES_BYTES {
        violations.add("content", "must have 1 byte to 10 MB");
        return "";
    }
    media_type_of(content, name).unwrap_or_else(|| {
        violations
            .add("content", "isn't a file that mailboxes take: use PNG, JPEG, GIF, WebP, PDF, DOCX, XLSX, PPTX, ICS, VCF, CSV or TXT");
        ""
    })
}

/// Checks that the files which a content names are the workspace's, and not too large together. They stay until the transaction ends.
///
/// # Errors
/// INVALID_ARGUMENT names each that isn't.
pub async fn must_be_there(connection: &mut PgConnection, workspace: WorkspaceId, content: &TemplateContent) -> Result<(), Status> {
    let ids: Vec<Uuid> = content.file_ids().iter().filter_map(|id| id.parse().ok()).collect();
    let sizes: BTreeMap<String, i32> = attachment::sizes(connection, workspace, &ids)
        .await
        .map_err(status::store)?
        .into_iter()
        .map(|(id, size)| (id.to_string(), size))
        .collect();
    let mut violations = Violations::new();
    let translations = content.translations.iter().filter_map(|(tag, translation)| {
        let email = translation.email.as_ref()?;
        Some((format!("content.translations.{tag}.email.files"), email))
    });
    for (path, email) in content.email.iter().map(|email| ("content.email.files".to_owned(), email)).chain(translations) {
        for (index, file) in email.files.iter().enumerate() {
            // Written as the hub writes it, so that it is found again.
            if !sizes.contains_key(&file.id) {
                violations.add(format!("{path}[{index}].attachment_id"), "there is no such file: upload it first");
            }
        }
        let total: u64 = email.files.iter().filter_map(|file| sizes.get(&file.id)).map(|size| u64::from(size.unsigned_abs())).sum();
        if total > MAX_FILES_BYTES {
            violations.add(path, "the files have more than 10 MB together: link to some of them");
        }
    }
    violations.check()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_are_checked() {
        let named = |text: &str| {
            let mut violations = Violations::new();
            name(text, &mut violations);
            violations.is_empty()
        };
        assert!(named("Offer 2026 – Été.pdf"));
        assert!(["logo", "Offer v1.2", "photo.JPEG"].into_iter().all(named));
        assert!(!["photo.gif.js", "offer.hta", "a.exe.", "a.exe ."].into_iter().any(named));
        assert!(!["", " ", "../x.pdf", "a\\b.pdf", "a\r\nX: y.pdf", &"x".repeat(121)].into_iter().any(named));
        let typed = |bytes: &[u8]| {
            let mut violations = Violations::new();
            let kind = media_type(bytes, "x.pdf", &mut violations);
            assert_eq!(kind.is_empty(), !violations.is_empty());
            kind
        };
        assert_eq!(typed(b"%PDF-1.7"), "application/pdf");
        assert_eq!([typed(b""), typed(b"MZ\x90\0")], ["", ""]);
        assert_eq!(typed(&vec![b'%'; (10 << 20) + 1]), "");
    }
}

//! Reads a paged list to its end, or as far as asked.

use std::future::Future;
use tonic::Status;

/// The most that the hub gives at once.
const PAGE: u32 = 500;

/// Collects up to `limit` items (0: all) with calls of `page(size, token)`.
///
/// # Errors
/// The first call that fails.
pub async fn collect<T, F>(limit: usize, mut page: impl FnMut(u32, String) -> F) -> Result<Vec<T>, Status>
where
    F: Future<Output = Result<(Vec<T>, String), Status>>,
{
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let wanted = if limit == 0 { PAGE } else { u32::try_from(limit - all.len()).unwrap_or(PAGE).min(PAGE) };
        let (items, next) = page(wanted, token).await?;
        all.extend(items);
        if limit > 0 && all.len() >= limit {
            all.truncate(limit);
            return Ok(all);
        }
        if next.is_empty() {
            return Ok(all);
        }
        token = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn page(size: u32, token: String) -> Result<(Vec<u32>, String), Status> {
        let from: u32 = token.parse().unwrap_or(0);
        let to = (from + size).min(1_200);
        Ok(((from..to).collect(), if to < 1_200 { to.to_string() } else { String::new() }))
    }

    #[tokio::test]
    async fn all_pages_are_read() {
        assert_eq!(collect(0, page).await.unwrap(), (0..1_200).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_limit_ends_it_within_or_beyond_a_page() {
        assert_eq!(collect(7, page).await.unwrap().len(), 7);
        assert_eq!(collect(700, page).await.unwrap().len(), 700);
        assert_eq!(collect(5_000, page).await.unwrap().len(), 1_200);
    }
}

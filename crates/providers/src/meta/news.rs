//! What Meta posts about templates and accounts: approval, quality, category, the number's limits, restrictions.
//!
//! Unknown events are kept as they are named; what has no template or no event at all is counted as unknown.
//! Source: Meta's webhook reference (`message_template_status_update`, `message_template_quality_update`, `template_category_update`,
//! `phone_number_quality_update`, `account_update`, `account_review_update`).

use crate::webhook::{provider_time, text_of};
use crate::{AccountNews, AccountNewsKind, TemplateNews};
use serde_json::Value;
use time::OffsetDateTime;

/// A template's news in a change of this field; None for another field or an unreadable change. `time` is the post's.
pub(super) fn template(field: &str, value: &Value, time: &Value, now: OffsetDateTime) -> Option<TemplateNews> {
    let text = |name: &str| text_of(&value[name]);
    let mut news = TemplateNews {
        provider_id: text("message_template_id").unwrap_or_default(),
        name: text("message_template_name")?,
        language: language(&text("message_template_language")?),
        occurred_at: Some(provider_time(time, now)),
        ..TemplateNews::default()
    };
    // A quality update has been seen under the field of status updates: what is said decides, not the field.
    let said = match field {
        "message_template_status_update" | "message_template_quality_update" if !value["new_quality_score"].is_null() => {
            news.quality = text("new_quality_score");
            news.quality.clone()?
        }
        "message_template_status_update" => {
            news.status = Some(text("event")?.to_ascii_uppercase());
            news.category = text("message_template_category");
            news.reason = reason(value);
            news.status.clone()?
        }
        "template_category_update" => {
            news.category = text("new_category").or_else(|| text("correct_category"));
            news.category.clone()?
        }
        _ => return None,
    };
    let stamp = text_of(time).unwrap_or_default();
    news.key = format!("{field}:{}:{}:{}:{said}:{stamp}", news.provider_id, news.name, news.language);
    Some(news)
}

fn reason(value: &Value) -> Option<String> {
    let told = text_of(&value["rejection_info"]["reason"]).or_else(|| text_of(&value["other_info"]["description"]));
    told.or_else(|| text_of(&value["reason"])).filter(|reason| reason != "NONE")
}

/// Meta writes `en_US` where templates are sent and listed, and `en-US` in some of its posts.
pub(super) fn language(code: &str) -> String {
    code.replace('-', "_")
}

/// An account's news in a change of this field. `waba` is the post's account.
pub(super) fn account(field: &str, value: &Value, waba: &str, time: &Value, now: OffsetDateTime) -> Option<AccountNews> {
    let text = |name: &str| text_of(&value[name]);
    let (kind, said, detail) = match field {
        "phone_number_quality_update" => number(value)?,
        "account_update" => update(value)?,
        "account_review_update" => {
            let decision = text("decision")?.to_ascii_uppercase();
            let kind = if decision == "APPROVED" { AccountNewsKind::Restored } else { AccountNewsKind::Restriction };
            (kind, decision, "Meta has reviewed the account".to_owned())
        }
        _ => return None,
    };
    let stamp = text_of(time).unwrap_or_default();
    let number = text("display_phone_number").unwrap_or_default();
    Some(AccountNews {
        key: format!("{field}:{waba}:{number}:{said}:{stamp}"),
        kind,
        value: said,
        detail,
        occurred_at: provider_time(time, now),
    })
}

type Said = (AccountNewsKind, String, String);

fn number(value: &Value) -> Option<Said> {
    let event = text_of(&value["event"])?.to_ascii_uppercase();
    let limit = text_of(&value["max_daily_conversations_per_business"]).or_else(|| text_of(&value["current_limit"]));
    Some(match event.as_str() {
        "FLAGGED" | "UNFLAGGED" => {
            let detail =
                if event == "FLAGGED" { "people complain about its messages: its limit may fall" } else { "its quality is well again" };
            (AccountNewsKind::Quality, event, detail.to_owned())
        }
        _ => (
            AccountNewsKind::Limit,
            limit.unwrap_or_else(|| event.clone()),
            format!("{event}: how many people it may begin to write to in a day"),
        ),
    })
}

fn update(value: &Value) -> Option<Said> {
    let event = text_of(&value["event"])?.to_ascii_uppercase();
    let ban = text_of(&value["ban_info"]["waba_ban_state"]).unwrap_or_default().to_ascii_uppercase();
    let violation = text_of(&value["violation_info"]["violation_type"]).unwrap_or_default();
    let restriction = text_of(&value["restriction_info"][0]["restriction_type"]).unwrap_or_default();
    Some(match event.as_str() {
        "DISABLED_UPDATE" if ban == "REINSTATE" => (AccountNewsKind::Restored, event, "Meta has given the account back".to_owned()),
        "DISABLED_UPDATE" | "ACCOUNT_DELETED" => (AccountNewsKind::Restriction, event, format!("Meta has disabled the account: {ban}")),
        "ACCOUNT_RESTRICTION" => (AccountNewsKind::Restriction, event, format!("Meta restricts the account: {restriction}")),
        // A warning: what follows from it comes as a restriction.
        "ACCOUNT_VIOLATION" => (AccountNewsKind::Quality, event, format!("Meta sees a violation of its policy: {violation}")),
        "PARTNER_REMOVED" | "PARTNER_APP_UNINSTALLED" => {
            (AccountNewsKind::Disconnected, event, "the app's access to the account was taken away".to_owned())
        }
        _ => (AccountNewsKind::Quality, event, "news of the account".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn quality_and_category_are_news_of_templates() {
        let of = |field: &str, mut value: Value| {
            value["message_template_id"] = json!(806312974732579_u64);
            value["message_template_name"] = json!("welcome");
            value["message_template_language"] = json!("en-US");
            template(field, &value, &json!(1_674_864_290), NOW)
        };
        let score = || json!({"previous_quality_score": "GREEN", "new_quality_score": "RED"});
        for field in ["message_template_quality_update", "message_template_status_update"] {
            let news = of(field, score()).unwrap();
            assert_eq!((news.quality.as_deref(), news.status.as_deref(), news.language.as_str()), (Some("RED"), None, "en_US"), "{field}");
        }
        let news = of("template_category_update", json!({"previous_category": "UTILITY", "new_category": "MARKETING"})).unwrap();
        assert_eq!(news.category.as_deref(), Some("MARKETING"));
        assert!(of("message_template_status_update", json!({})).is_none());
        assert!(of("flows", score()).is_none());
        let new = of("message_template_status_update", json!({"event": "teleported"})).unwrap();
        assert_eq!(new.status.as_deref(), Some("TELEPORTED"), "an unknown event is kept");
    }

    #[test]
    fn numbers_and_accounts_have_news() {
        let of = |field: &str, value: Value| account(field, &value, "1", &json!(1_674_864_290), NOW).map(|news| (news.kind, news.value));
        let said = |value: &str| value.to_owned();
        let quality = "phone_number_quality_update";
        assert_eq!(of(quality, json!({"event": "FLAGGED", "current_limit": "TIER_1K"})), Some((AccountNewsKind::Quality, said("FLAGGED"))));
        assert_eq!(
            of(quality, json!({"event": "DOWNGRADE", "current_limit": "TIER_250"})),
            Some((AccountNewsKind::Limit, said("TIER_250")))
        );
        let ban = json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}});
        assert_eq!(of("account_update", ban), Some((AccountNewsKind::Restriction, said("DISABLED_UPDATE"))));
        let back = json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}});
        assert_eq!(of("account_update", back), Some((AccountNewsKind::Restored, said("DISABLED_UPDATE"))));
        assert_eq!(of("account_update", json!({"event": "MM_LITE_TERMS_SIGNED"})).map(|(kind, _)| kind), Some(AccountNewsKind::Quality));
        assert_eq!(of("account_update", json!({})), None);
        assert_eq!(of("security", json!({"event": "x"})), None);
    }
}

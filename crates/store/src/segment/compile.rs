//! From a filter to SQL. Every value is a parameter; what is pushed as text is written here, and nowhere else.
//!
//! Each test is true or false, never NULL. What this says must be what [`Filter::holds`] says: a test compares them.

use domain::{
    CampaignId, WorkspaceId,
    facts::{Bits, DELIVERED, PROVES_SENT},
    filter::{AttributeTest, Deed, Engaged, Filter, NumberTest, ProfileField, TextTest, TimeTest, fold},
};
use sqlx::{Postgres, QueryBuilder};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// A statement in the making.
pub type Sql = QueryBuilder<Postgres>;

/// Whose contacts, and as of when.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    pub workspace: WorkspaceId,
    pub now: OffsetDateTime,
}

/// Pushes the condition that a filter is, on the row of core.contact that the statement calls `contact`.
pub fn condition(sql: &mut Sql, filter: &Filter, contact: &'static str, scope: Scope) {
    sql.push("(");
    match filter {
        Filter::All(parts) => several(sql, parts, "AND", contact, scope),
        Filter::Any(parts) => several(sql, parts, "OR", contact, scope),
        Filter::Not(part) => {
            sql.push("NOT ");
            condition(sql, part, contact, scope);
        }
        Filter::Profile { field, is } => text(sql, is, &|sql| {
            sql.push(profile(*field, contact));
        }),
        Filter::LastActive(is) => time(sql, *is, scope.now, &|sql| {
            sql.push(contact).push(".last_active_at");
        }),
        Filter::Created(is) => time(sql, *is, scope.now, &|sql| {
            sql.push(contact).push(".created_at");
        }),
        Filter::OnList(lists) => {
            let lists: Vec<Uuid> = lists.iter().map(|list| list.0).collect();
            on_list(sql, lists, contact);
        }
        Filter::Attribute { name, is } => attribute(sql, name, is, contact, scope.now),
        Filter::Engaged(engaged) => engagement(sql, *engaged, contact, scope),
    }
    sql.push(")");
}

/// That a contact is a member of one of these lists.
pub fn on_list(sql: &mut Sql, lists: Vec<Uuid>, contact: &'static str) {
    sql.push("EXISTS (SELECT FROM core.list_member m WHERE m.contact_id = ").push(contact).push(".contact_id AND m.list_id = ANY(");
    sql.push_bind(lists).push("))");
}

fn several(sql: &mut Sql, parts: &[Filter], word: &'static str, contact: &'static str, scope: Scope) {
    // Without any, `All` would hold for everybody and `Any` for nobody; neither is stored.
    sql.push(if word == "AND" { "true" } else { "false" });
    for part in parts {
        sql.push(" ").push(word).push(" ");
        condition(sql, part, contact, scope);
    }
}

fn profile(field: ProfileField, contact: &str) -> String {
    let column = match field {
        ProfileField::ExternalId => return format!("coalesce({contact}.external_id, '')"),
        ProfileField::Name => "name",
        ProfileField::Email => "email",
        ProfileField::Phone => "phone",
        ProfileField::Locale => "locale",
        ProfileField::Timezone => "timezone",
        ProfileField::Role => "role",
        ProfileField::City => "city",
        ProfileField::PostalCode => "postal_code",
    };
    format!("{contact}.{column}")
}

/// Pushes what a test is about.
type Operand<'a> = &'a dyn Fn(&mut Sql);

/// Of a text that is never NULL.
fn text(sql: &mut Sql, is: &TextTest, operand: Operand<'_>) {
    let folded = |sql: &mut Sql| {
        // The one collation that maps case alike on every server.
        sql.push("lower((");
        operand(sql);
        sql.push(") COLLATE \"pg_c_utf8\")");
    };
    match is {
        TextTest::Equals(value) => {
            folded(sql);
            sql.push(" = ").push_bind(fold(value));
        }
        TextTest::OneOf(values) => {
            folded(sql);
            sql.push(" = ANY(").push_bind(folds(values)).push(")");
        }
        TextTest::StartsWith(value) => {
            sql.push("starts_with(");
            folded(sql);
            sql.push(", ").push_bind(fold(value)).push(")");
        }
        TextTest::Contains(value) => {
            sql.push("strpos(");
            folded(sql);
            sql.push(", ").push_bind(fold(value)).push(") > 0");
        }
        TextTest::Exists(exists) => {
            operand(sql);
            sql.push(if *exists { " <> ''" } else { " = ''" });
        }
    }
}

fn folds(values: &[String]) -> Vec<String> {
    values.iter().map(|value| fold(value)).collect()
}

/// Of a time that may be NULL.
fn time(sql: &mut Sql, is: TimeTest, now: OffsetDateTime, operand: Operand<'_>) {
    sql.push("coalesce(");
    operand(sql);
    match is {
        TimeTest::Before(time) => sql.push(" < ").push_bind(time),
        TimeTest::Since(time) => sql.push(" >= ").push_bind(time),
        TimeTest::InLastDays(days) => sql.push(" BETWEEN ").push_bind(now - days_of(days)).push(" AND ").push_bind(now),
        TimeTest::InNextDays(days) => {
            sql.push(" <= ").push_bind(now + days_of(days)).push(" AND ");
            operand(sql);
            sql.push(" > ").push_bind(now)
        }
    };
    sql.push(", false)");
}

fn days_of(days: u32) -> Duration {
    Duration::days(days.into())
}

fn attribute(sql: &mut Sql, name: &str, is: &AttributeTest, contact: &'static str, now: OffsetDateTime) {
    let value = |sql: &mut Sql| {
        sql.push(contact).push(".attributes -> ").push_bind(name.to_owned());
    };
    let words = |sql: &mut Sql| {
        sql.push(contact).push(".attributes ->> ").push_bind(name.to_owned());
    };
    if let AttributeTest::Text(TextTest::Exists(exists)) = is {
        sql.push(if *exists { "" } else { "NOT " }).push("coalesce((");
        words(sql);
        sql.push(") <> '', false)");
        return;
    }
    // A bracket is seen sooner than the kind of a value.
    sql.push("CASE WHEN starts_with(");
    words(sql);
    sql.push(", '[') AND jsonb_typeof(");
    value(sql);
    sql.push(") = 'array' THEN ");
    any(sql, is, now, &value);
    sql.push(" WHEN ");
    match is {
        AttributeTest::Text(is) => {
            text(sql, is, &words);
            sql.push(" THEN jsonb_typeof(");
            value(sql);
            sql.push(") = 'string'");
        }
        AttributeTest::Number(is) => {
            sql.push("core.number_of(");
            words(sql);
            sql.push(") ").push(operator(*is)).push(" ");
            number(sql, *is);
            sql.push(" THEN true");
        }
        AttributeTest::Truth(is) => {
            sql.push("lower((");
            words(sql);
            sql.push(") COLLATE \"C\") = ").push_bind(is.to_string()).push(" THEN true");
        }
        AttributeTest::Time(is) => {
            time(sql, *is, now, &|sql| {
                sql.push("core.time_of(");
                words(sql);
                sql.push(")");
            });
            sql.push(" THEN true");
        }
    }
    sql.push(" ELSE false END");
}

/// That one of a list's values passes.
fn any(sql: &mut Sql, is: &AttributeTest, now: OffsetDateTime, list: Operand<'_>) {
    let mut call = |function: &'static str| {
        sql.push(function);
        list(sql);
        sql.push(", ");
    };
    match is {
        AttributeTest::Text(is) => {
            let (test, wanted) = match is {
                TextTest::Equals(value) => ("equals", vec![fold(value)]),
                TextTest::OneOf(values) => ("equals", folds(values)),
                TextTest::StartsWith(value) => ("starts_with", vec![fold(value)]),
                TextTest::Contains(value) => ("contains", vec![fold(value)]),
                // Asks for the attribute as a whole.
                TextTest::Exists(_) => ("", Vec::new()),
            };
            call("core.any_text(");
            sql.push_bind(test).push(", ").push_bind(wanted);
        }
        AttributeTest::Number(is) => {
            call("core.any_number(");
            sql.push_bind(operator(*is)).push(", ");
            number(sql, *is);
        }
        AttributeTest::Truth(truth) => {
            call("core.any_truth(");
            sql.push_bind(truth.to_string());
        }
        AttributeTest::Time(is) => {
            let (from, to, bounds) = match *is {
                TimeTest::Before(time) => (None, Some(time), "[)"),
                TimeTest::Since(time) => (Some(time), None, "[)"),
                TimeTest::InLastDays(days) => (Some(now - days_of(days)), Some(now), "[]"),
                TimeTest::InNextDays(days) => (Some(now), Some(now + days_of(days)), "(]"),
            };
            call("core.any_time(");
            sql.push("tstzrange(").push_bind(from).push(", ").push_bind(to).push(", ").push_bind(bounds).push(")");
        }
    }
    sql.push(")");
}

/// As it is written: a binary fraction wouldn't be the number that was meant.
fn number(sql: &mut Sql, is: NumberTest) {
    sql.push("CAST(").push_bind(is.operand().to_string()).push(" AS numeric)");
}

const fn operator(is: NumberTest) -> &'static str {
    match is {
        NumberTest::Equals(_) => "=",
        NumberTest::LessThan(_) => "<",
        NumberTest::AtMost(_) => "<=",
        NumberTest::MoreThan(_) => ">",
        NumberTest::AtLeast(_) => ">=",
    }
}

/// By way of the contact's deliveries, or of the campaign's: the server chooses.
fn engagement(sql: &mut Sql, engaged: Engaged, contact: &'static str, scope: Scope) {
    sql.push("EXISTS (SELECT FROM send.delivery d JOIN stats.delivery_status s ON s.delivery_id = d.delivery_id");
    if let Some(CampaignId(id)) = engaged.campaign_id {
        sql.push(" JOIN send.run r ON r.run_id = d.run_id AND r.campaign_id = ").push_bind(id);
    }
    sql.push(" WHERE d.contact_id = ").push(contact).push(".contact_id AND d.workspace_id = ").push_bind(scope.workspace.0);
    if let Some(channel) = engaged.channel {
        sql.push(" AND d.channel = ").push_bind(channel.as_str());
    }
    let since = (engaged.within_days > 0).then(|| scope.now - days_of(engaged.within_days));
    let at = |sql: &mut Sql, column: &'static str| {
        sql.push(column);
        match since {
            Some(since) => sql.push(" >= ").push_bind(since),
            None => sql.push(" IS NOT NULL"),
        };
    };
    let left = |sql: &mut Sql, bits: Bits| {
        sql.push("s.bits & ").push_bind(bits.0.cast_signed()).push(" <> 0");
        if since.is_some() {
            sql.push(" AND ");
            at(sql, "d.sent_at");
        }
    };
    sql.push(" AND ");
    match engaged.did {
        Deed::Sent => left(sql, PROVES_SENT),
        Deed::Delivered => left(sql, DELIVERED),
        Deed::Opened => {
            sql.push("(");
            at(sql, "s.opened_at");
            sql.push(" OR ");
            at(sql, "s.clicked_at");
            sql.push(")");
        }
        Deed::Clicked => at(sql, "s.clicked_at"),
        Deed::Replied => at(sql, "s.replied_at"),
        Deed::Converted => at(sql, "s.converted_at"),
    }
    sql.push(")");
}

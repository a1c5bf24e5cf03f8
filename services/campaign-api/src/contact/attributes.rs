//! Attributes with their types, between the wire's `Struct` and JSON.
//!
//! All numbers of a `Struct` are doubles; whole ones that a double holds exactly are whole numbers again.

use prost_types::{ListValue, Struct, Value as WireValue, value::Kind};
use serde_json::{Map, Number, Value};
use store::contact::Attributes;

/// How deep lists and objects may be nested.
const MAX_DEPTH: usize = 16;
/// Up to here a double holds every whole number: 2^53.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

pub fn to_wire(attributes: &Attributes) -> Struct {
    Struct { fields: attributes.iter().map(|(name, value)| (name.clone(), value_to_wire(value))).collect() }
}

fn value_to_wire(value: &Value) -> WireValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        // Without arbitrary precision every number is one.
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(values) => Kind::ListValue(ListValue { values: values.iter().map(value_to_wire).collect() }),
        Value::Object(values) => Kind::StructValue(to_wire(values)),
    };
    WireValue { kind: Some(kind) }
}

/// # Errors
/// What can't be kept as JSON, and why.
pub fn from_wire(attributes: Struct) -> Result<Attributes, String> {
    object(attributes, 0)
}

fn object(attributes: Struct, depth: usize) -> Result<Attributes, String> {
    let mut object = Map::new();
    for (name, value) in attributes.fields {
        // An attribute that is null is none.
        if depth > 0 || !matches!(value.kind, None | Some(Kind::NullValue(_))) {
            object.insert(name, value_from_wire(value, depth + 1)?);
        }
    }
    Ok(object)
}

fn value_from_wire(value: WireValue, depth: usize) -> Result<Value, String> {
    if depth > MAX_DEPTH {
        return Err(format!("must be nested at most {MAX_DEPTH} deep"));
    }
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(value)) => Value::Number(number(value)?),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => {
            Value::Array(list.values.into_iter().map(|value| value_from_wire(value, depth + 1)).collect::<Result<_, _>>()?)
        }
        Some(Kind::StructValue(values)) => Value::Object(object(values, depth)?),
    })
}

fn number(value: f64) -> Result<Number, String> {
    if value.fract() == 0.0 && value.abs() <= MAX_WHOLE {
        return Ok((value as i64).into());
    }
    Number::from_f64(value).ok_or_else(|| "must have finite numbers only".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn attributes_keep_their_types() {
        let json = json!({"tier": "gold", "visits": 3, "spent": 12.5, "vip": true, "tags": ["a", 1, null], "home": {"city": "Dubai"}});
        let Value::Object(attributes) = json else { panic!() };
        assert_eq!(from_wire(to_wire(&attributes)).unwrap(), attributes);
    }

    #[test]
    fn what_json_cannot_hold_is_refused() {
        let with = |kind| from_wire(Struct { fields: [("x".to_owned(), WireValue { kind })].into() });
        assert!(with(Some(Kind::NumberValue(f64::NAN))).is_err());
        assert_eq!(with(None).unwrap(), Attributes::new());
        let mut deep = WireValue { kind: Some(Kind::BoolValue(true)) };
        for _ in 0..20 {
            deep = WireValue { kind: Some(Kind::ListValue(ListValue { values: vec![deep] })) };
        }
        assert!(with(deep.kind).is_err());
    }
}

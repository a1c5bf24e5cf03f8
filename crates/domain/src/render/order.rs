//! The order in which fragments can be rendered: each after those that it uses.

use super::{
    Field,
    problem::ContentProblem,
    texts::{self, Text},
};
use crate::content::{TemplateContent, Variant};
use std::collections::{BTreeSet, HashMap};

/// Puts fragments in order, and finds those that refer to each other in a circle.
pub struct Order<'a> {
    uses: &'a HashMap<Field, BTreeSet<String>>,
    problems: Vec<ContentProblem>,
}

impl<'a> Order<'a> {
    pub const fn new(uses: &'a HashMap<Field, BTreeSet<String>>) -> Self {
        Self { uses, problems: Vec::new() }
    }

    pub fn of_variant(&mut self, content: &TemplateContent, variant: Variant) -> Vec<String> {
        let mut ordered = Vec::new();
        for Text { field, .. } in texts::of_variant(content, variant) {
            for fragment in self.used_by(&field) {
                self.visit(&fragment, &mut ordered, &mut Vec::new());
            }
        }
        ordered
    }

    /// Circles among fragments that no variant uses yet.
    pub fn of_unused(mut self, content: &TemplateContent) -> Vec<ContentProblem> {
        let mut ordered = Vec::new();
        for fragment in content.fragments.keys() {
            self.visit(fragment, &mut ordered, &mut Vec::new());
        }
        let mut seen = BTreeSet::new();
        self.problems.retain(|problem| seen.insert(problem.field.clone()));
        self.problems
    }

    fn used_by(&self, field: &Field) -> Vec<String> {
        let variables = self.uses.get(field).into_iter().flatten();
        variables.filter_map(|variable| variable.strip_prefix("fragments.")).map(str::to_owned).collect()
    }

    fn visit(&mut self, fragment: &str, ordered: &mut Vec<String>, path: &mut Vec<String>) {
        if ordered.iter().any(|done| done == fragment) {
            return;
        }
        if path.iter().any(|open| open == fragment) {
            let message = format!("fragments refer to each other in a circle: {} → {fragment}", path.join(" → "));
            self.problems.push(ContentProblem::error(Field::Fragment(fragment.to_owned()), message, "break the circle"));
            return;
        }
        path.push(fragment.to_owned());
        for inner in self.used_by(&Field::Fragment(fragment.to_owned())) {
            self.visit(&inner, ordered, path);
        }
        path.pop();
        ordered.push(fragment.to_owned());
    }
}

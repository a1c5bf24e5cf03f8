//! Plain tables: a head, columns as wide as they need, figures to the right. Wide scripts keep their place.

use std::fmt;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A cell is cut beyond this many columns of the screen.
const CELL_WIDTH: usize = 60;

pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    #[must_use]
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { rows: vec![head.iter().map(|title| title.to_uppercase()).collect()] }
    }

    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| cut(cell)).collect());
    }

    fn columns(&self) -> impl Iterator<Item = (usize, bool)> + '_ {
        let count = self.rows.first().map_or(0, Vec::len);
        (0..count).map(|column| {
            let cells = || self.rows.iter().filter_map(move |row| row.get(column));
            let width = cells().map(|cell| cell.width()).max().unwrap_or(0);
            let figures = self.rows.len() > 1 && cells().skip(1).all(|cell| is_figure(cell));
            (width, figures)
        })
    }
}

/// Whether the cell is a number; one that is missing doesn't spoil its column.
fn is_figure(cell: &str) -> bool {
    let figure = cell.trim_end_matches(" %");
    ["", "–"].contains(&figure) || figure.chars().all(|c| c.is_ascii_digit() || ",.-".contains(c))
}

/// One line of printable characters: what a contact is called must not move the cursor.
fn cut(cell: &str) -> String {
    let clean: String = cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.width() <= CELL_WIDTH {
        return clean;
    }
    let mut width = 0;
    let mut text: String = clean
        .chars()
        .take_while(|c| {
            width += c.width().unwrap_or(0);
            width < CELL_WIDTH
        })
        .collect();
    text.push('…');
    text
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<_> = self.columns().collect();
        for row in &self.rows {
            let cells = row.iter().zip(&columns).map(|(cell, (width, figures))| {
                let gap = " ".repeat(width.saturating_sub(cell.width()));
                if *figures { format!("{gap}{cell}") } else { format!("{cell}{gap}") }
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_to_the_right_and_text_to_the_left() {
        let mut table = Table::new(["name", "members"]);
        table.row(["Readers".into(), "12,345".into()]);
        table.row(["All".into(), "7".into()]);
        assert_eq!(table.to_string(), "NAME     MEMBERS\nReaders   12,345\nAll            7\n");
    }

    #[test]
    fn wide_characters_count_as_they_are_shown() {
        let mut table = Table::new(["name", "city"]);
        table.row(["王小明".into(), "上海".into()]);
        table.row(["Ann".into(), "Oslo".into()]);
        assert_eq!(table.to_string(), "NAME    CITY\n王小明  上海\nAnn     Oslo\n");
    }

    #[test]
    fn a_cell_is_one_line_of_bounded_width() {
        let mut table = Table::new(["text"]);
        table.row([format!("a\n\u{1b}[2J{}", "x".repeat(100))]);
        let shown = table.to_string();
        assert_eq!(shown.lines().count(), 2);
        assert!(shown.lines().nth(1).unwrap().ends_with('…'));
        assert!(!shown.contains('\u{1b}'));
    }
}

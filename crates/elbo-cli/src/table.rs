//! Tables of text: columns as wide as what is in them.

/// Rows below a head, two spaces apart; the first column to the left, the others to the right.
pub(crate) fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let rows: Vec<&[String]> = std::iter::once(head).chain(rows.iter().map(Vec::as_slice)).collect();
    set(&rows, true)
}

/// Rows two spaces apart, all columns to the left.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    set(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>(), false)
}

/// Rows in columns as wide as what is in them, those after the first to the right if they are numbers.
fn set(rows: &[&[String]], are_numbers: bool) -> String {
    let length = |text: &String| text.chars().count();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(length).max().unwrap_or(0);
    let columns = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let room = " ".repeat(width - length(cell));
            let gap = if column == 0 { "" } else { "  " };
            let cell =
                if column > 0 && are_numbers { format!("{gap}{room}{cell}") } else { format!("{gap}{cell}{room}") };
            line.push_str(&cell);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let row = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
        let rows = [row(&["a", "1.5", ""]), row(&["größer", "10.25", "x"])];
        assert_eq!(
            table(&row(&["run", "loss", "note"]), &rows),
            "run      loss  note\na         1.5\ngrößer  10.25     x\n"
        );
        assert_eq!(table(&row(&["run"]), &[]), "run\n");
    }
}

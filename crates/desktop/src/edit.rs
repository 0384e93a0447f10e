//! Edits of columns, kept apart from what was found.
//!
//! An edit names columns by their places, not by numbers, so that it holds when columns are found again
//! by another localiser, threshold or scale. What the user sees is always what was found with all edits made
//! again, so undoing is leaving out the last.

use adatom::LocatedColumn;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// `(x, y)` in pixels of the file.
pub type Place = (f64, f64);

/// One edit, as it is kept in a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Edit {
    /// A column that wasn't found.
    Add {
        /// It, with what could be measured.
        column: Box<LocatedColumn>,
    },
    /// Columns that are none.
    Delete {
        /// Where they are.
        at: Vec<Place>,
    },
    /// A column put elsewhere.
    Move {
        /// Where it was.
        from: Place,
        /// Where it is.
        to: Place,
    },
    /// Several columns that are one.
    Merge {
        /// Where they are.
        at: Vec<Place>,
        /// The one.
        into: Box<LocatedColumn>,
    },
    /// One column that is two.
    Split {
        /// Where it is.
        at: Place,
        /// The two.
        into: Vec<LocatedColumn>,
    },
}

impl Edit {
    /// What was done, for the menu.
    pub fn name(&self) -> String {
        match self {
            Self::Add { .. } => "add column".to_owned(),
            Self::Delete { at } if at.len() > 1 => format!("delete {} columns", at.len()),
            Self::Delete { .. } => "delete column".to_owned(),
            Self::Move { .. } => "move column".to_owned(),
            Self::Merge { at, .. } => format!("merge {} columns", at.len()),
            Self::Split { .. } => "split column".to_owned(),
        }
    }
}

/// Where a column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Found.
    Found,
    /// Added by hand.
    Added,
    /// Found, and moved by hand.
    Moved,
    /// Made of several by hand.
    Merged,
    /// A half of one split by hand.
    Split,
}

impl Origin {
    /// The flag in exported files; empty for a found column.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Found => "",
            Self::Added => "edit-added",
            Self::Moved => "edit-moved",
            Self::Merged => "edit-merged",
            Self::Split => "edit-split",
        }
    }
}

/// A column as it is shown and exported.
#[derive(Debug, Clone, PartialEq)]
pub struct EditedColumn {
    /// The column.
    pub column: LocatedColumn,
    /// Where it comes from.
    pub origin: Origin,
}

impl EditedColumn {
    /// Where it is.
    pub fn place(&self) -> Place {
        (self.column.x, self.column.y)
    }
}

/// All edits, those undone too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// In their order.
    pub done: Vec<Edit>,
    /// The last undone is the last here.
    pub undone: Vec<Edit>,
}

impl History {
    /// Does an edit; what had been undone can't be redone any more.
    pub fn push(&mut self, edit: Edit) {
        self.done.push(edit);
        self.undone.clear();
    }

    /// Takes the last edit back. Whether there was one.
    pub fn undo(&mut self) -> bool {
        let last = self.done.pop();
        let any = last.is_some();
        self.undone.extend(last);
        any
    }

    /// Does the last undone edit again. Whether there was one.
    pub fn redo(&mut self) -> bool {
        let last = self.undone.pop();
        let any = last.is_some();
        self.done.extend(last);
        any
    }

    /// The found columns with all edits made. An edit of a column that isn't found within `reach` \[px\] of where it
    /// was does nothing.
    pub fn apply(&self, found: impl Iterator<Item = LocatedColumn>, reach: f64) -> Vec<EditedColumn> {
        let columns = found.map(|column| Some(EditedColumn { column, origin: Origin::Found })).collect();
        let mut work = Work { columns, cells: HashMap::new(), reach: reach.max(0.5) };
        if !self.done.is_empty() {
            (0..work.columns.len()).for_each(|index| work.enter(index));
        }
        self.done.iter().for_each(|edit| work.make(edit));
        work.columns.into_iter().flatten().collect()
    }
}

/// Columns while edits are made, by cells of the reach's side.
struct Work {
    columns: Vec<Option<EditedColumn>>,
    cells: HashMap<(i64, i64), Vec<usize>>,
    reach: f64,
}

impl Work {
    fn cell(&self, (x, y): Place) -> (i64, i64) {
        ((x / self.reach).floor() as i64, (y / self.reach).floor() as i64)
    }

    fn enter(&mut self, index: usize) {
        if let Some(column) = &self.columns[index] {
            let cell = self.cell(column.place());
            self.cells.entry(cell).or_default().push(index);
        }
    }

    /// Takes the column nearest to a place out, if one is within reach.
    fn take(&mut self, place: Place) -> Option<EditedColumn> {
        let (cx, cy) = self.cell(place);
        let near = (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (cx + dx, cy + dy)));
        let indices = near.filter_map(|cell| self.cells.get(&cell)).flatten();
        let distance = |index: usize| {
            let (x, y) = self.columns[index].as_ref()?.place();
            Some((x - place.0).hypot(y - place.1)).filter(|d| *d <= self.reach)
        };
        let nearest = indices.filter_map(|i| Some((distance(*i)?, *i))).min_by(|a, b| a.0.total_cmp(&b.0));
        self.columns[nearest?.1].take()
    }

    fn put(&mut self, column: LocatedColumn, origin: Origin) {
        self.columns.push(Some(EditedColumn { column, origin }));
        self.enter(self.columns.len() - 1);
    }

    fn make(&mut self, edit: &Edit) {
        match edit {
            Edit::Add { column } => self.put((**column).clone(), Origin::Added),
            Edit::Delete { at } => at.iter().for_each(|place| drop(self.take(*place))),
            Edit::Move { from, to } => {
                if let Some(EditedColumn { mut column, origin }) = self.take(*from) {
                    (column.x, column.y) = *to;
                    // What a fit said was said of another place.
                    (column.fit, column.unfitted) = (None, None);
                    self.put(column, if origin == Origin::Found { Origin::Moved } else { origin });
                }
            }
            Edit::Merge { at, into } => {
                let taken: Vec<_> = at.iter().filter_map(|place| self.take(*place)).collect();
                if !taken.is_empty() {
                    self.put((**into).clone(), Origin::Merged);
                }
            }
            Edit::Split { at, into } => {
                if self.take(*at).is_some() {
                    into.iter().for_each(|half| self.put(half.clone(), Origin::Split));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> impl Iterator<Item = LocatedColumn> {
        (0..4).map(|i| LocatedColumn::at(10.0 * f64::from(i), 5.0))
    }

    fn places(history: &History) -> Vec<Place> {
        let mut places: Vec<Place> = history.apply(found(), 4.0).iter().map(EditedColumn::place).collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        places
    }

    fn edits() -> Vec<Edit> {
        let at = |x| LocatedColumn::at(x, 5.0);
        vec![
            Edit::Add { column: Box::new(at(50.0)) },
            Edit::Delete { at: vec![(10.0, 5.0), (51.0, 5.0)] },
            Edit::Move { from: (20.0, 5.0), to: (23.0, 6.0) },
            Edit::Merge { at: vec![(23.0, 6.0), (30.0, 5.0)], into: Box::new(at(26.5)) },
            Edit::Split { at: (0.0, 5.0), into: vec![at(-2.0), at(2.0)] },
        ]
    }

    #[test]
    fn every_edit_can_be_undone_and_redone() {
        let mut history = History::default();
        let mut states = vec![places(&history)];
        for edit in edits() {
            history.push(edit);
            states.push(places(&history));
        }
        assert_eq!(states[5], [(-2.0, 5.0), (2.0, 5.0), (26.5, 5.0)]);
        for state in states[..5].iter().rev() {
            assert!(history.undo());
            assert_eq!(places(&history), *state);
        }
        assert!(!history.undo());
        for state in &states[1..] {
            assert!(history.redo());
            assert_eq!(places(&history), *state);
        }
        assert!(!history.redo());
    }

    #[test]
    fn a_new_edit_ends_what_could_be_redone() {
        let mut history = History::default();
        edits().into_iter().for_each(|edit| history.push(edit));
        history.undo();
        history.push(edits().remove(0));
        assert!(!history.redo());
    }

    #[test]
    fn edits_hold_when_columns_are_found_again_a_little_elsewhere() {
        let mut history = History::default();
        history.push(Edit::Delete { at: vec![(10.0, 5.0)] });
        let shifted = found().map(|c| LocatedColumn { x: c.x + 0.7, ..c });
        assert_eq!(history.apply(shifted, 4.0).len(), 3);
        let elsewhere = found().map(|c| LocatedColumn { x: c.x + 104.5, ..c });
        assert_eq!(history.apply(elsewhere, 4.0).len(), 4, "nothing there to delete");
    }

    #[test]
    fn edited_columns_say_so() {
        let mut history = History::default();
        edits().into_iter().take(3).for_each(|edit| history.push(edit));
        let flags: Vec<&str> = history.apply(found(), 4.0).iter().map(|c| c.origin.flag()).collect();
        assert_eq!(flags, ["", "", "edit-moved"]);
    }
}

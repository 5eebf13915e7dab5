//! A shelf of boxes, the ones taken last on top.

use std::collections::HashMap;
use std::fmt;

/// How many boxes a shelf bears.
pub const MOST: usize = 12;

/// What can go wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    Full,
    Missing(String),
}

/// A box with what is in it.
#[derive(Debug, Default)]
pub struct Crate {
    pub label: String,
    pub weight_g: u32,
}

pub trait Weighed {
    /// Return the weight in grams.
    fn weight(&self) -> u32;

    fn is_heavy(&self) -> bool {
        self.weight() > 5_000
    }
}

impl Weighed for Crate {
    fn weight(&self) -> u32 {
        self.weight_g
    }
}

/// Crates by label.
pub struct Shelf {
    crates: HashMap<String, Crate>,
}

impl Shelf {
    pub fn new() -> Self {
        Shelf { crates: HashMap::new() }
    }

    /// Put a crate on the shelf; the label must be free.
    pub fn put(&mut self, item: Crate) -> Result<(), Fault> {
        if self.crates.len() >= MOST {
            return Err(Fault::Full);
        }
        self.crates.insert(item.label.clone(), item);
        Ok(())
    }

    // Nothing is weighed twice.
    pub fn total(&self) -> u32 {
        self.crates.values().map(|c| c.weight()).sum()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Full => write!(f, "the shelf is full"),
            Fault::Missing(label) => write!(f, "no crate {label}"),
        }
    }
}

macro_rules! crates {
    ($($label:expr),*) => { vec![$(Crate { label: $label.into(), weight_g: 0 }),*] };
}

mod tests {
    use super::*;

    #[test]
    fn an_empty_shelf_weighs_nothing() {
        assert_eq!(Shelf::new().total(), 0);
    }
}

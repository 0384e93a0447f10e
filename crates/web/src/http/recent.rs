use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Answers that are kept for the next who asks, up to a number of bytes; the oldest goes first.
pub(crate) struct Recent<T> {
    limit: usize,
    kept: Mutex<Kept<T>>,
}

struct Kept<T> {
    values: HashMap<String, (T, usize)>,
    order: VecDeque<String>,
    size: usize,
}

impl<T: Clone> Recent<T> {
    pub fn new(limit: usize) -> Self {
        let kept = Kept { values: HashMap::new(), order: VecDeque::new(), size: 0 };
        Self { limit, kept: Mutex::new(kept) }
    }

    pub fn get(&self, key: &str) -> Option<T> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.values.get(key).map(|(value, _)| value.clone())
    }

    /// Keeps a value of about `size` bytes.
    pub fn put(&self, key: String, value: T, size: usize) {
        let size = size + 2 * key.len() + 64;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if size > self.limit || kept.values.contains_key(&key) {
            return;
        }
        kept.size += size;
        kept.order.push_back(key.clone());
        kept.values.insert(key, (value, size));
        while kept.size > self.limit {
            let Some(oldest) = kept.order.pop_front() else { break };
            if let Some((_, size)) = kept.values.remove(&oldest) {
                kept.size -= size;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_when_there_is_no_room() {
        let recent = Recent::new(1000);
        for at in 0..100 {
            recent.put(format!("{at:03}"), at, 30);
        }
        assert_eq!((recent.get("099"), recent.get("091"), recent.get("050")), (Some(99), Some(91), None));
        recent.put("big".to_owned(), 0, 1001);
        assert_eq!((recent.get("big"), recent.get("099")), (None, Some(99)));
    }
}

//! A map as a sorted list: for a few keys, and a tenth of the code that a tree is in a browser's program.

use std::ops::Index;

/// Values by keys, in the order of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Sorted<K, V> {
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.0.binary_search_by(|(k, _)| k.borrow().cmp(key))
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.place(key).ok().map(|at| &self.0[at].1)
    }

    /// Takes the value of a key out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.place(key).ok().map(|at| self.0.remove(at).1)
    }

    /// Gives a key a value, in the place of the one that it had.
    pub fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (key, value)),
        }
    }

    /// The value of a key, a new one where there was none.
    pub(super) fn entry<Q: Ord + ?Sized + ToOwned<Owned = K>>(&mut self, key: &Q) -> &mut V
    where
        K: std::borrow::Borrow<Q>,
        V: Default,
    {
        let at = match self.place(key) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (key.to_owned(), V::default()));
                at
            }
        };
        &mut self.0[at].1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Keys with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl<K, V> IntoIterator for Sorted<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Ord, V> Index<&K> for Sorted<K, V> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        match self.get(key) {
            Some(value) => value,
            None => panic!("there is no such key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_in_order_and_have_one_value() {
        let mut map: Sorted<String, Vec<u8>> = Sorted::default();
        for (n, key) in ["c", "a", "b", "a"].iter().enumerate() {
            map.entry(*key).push(n as u8);
        }
        assert_eq!(map.iter().map(|(k, v)| (k.as_str(), v.as_slice())).collect::<Vec<_>>(), [("a", &[1, 3][..]), ("b", &[2]), ("c", &[0])]);
        map.insert("b".to_owned(), vec![9]);
        assert_eq!((map[&"b".to_owned()].clone(), map.len()), (vec![9], 3));
        assert_eq!((map.remove(&"b".to_owned()), map.remove(&"b".to_owned()), map.is_empty()), (Some(vec![9]), None, false));
    }
}

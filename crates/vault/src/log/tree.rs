//! The Merkle tree (RFC 6962) while it grows: the compact range of what is there, and the tiles it completes.
//!
//! A tile of level `k` holds the hashes of 256 subtrees of height `8k` (C2SP tlog-tiles). Tiles of level 0 are the
//! leaves and are computed from the entries; rows are kept from level 1 up, the partial ones too, so that opening needs
//! at most 255 leaves.

use tlog_tiles::{EMPTY_HASH, Error, Hash, HashReader, node_hash, sub_tree_index};

/// Hashes in a full tile.
pub(crate) const TILE: u64 = 256;

/// The right edge of the tree. Cheap to clone, so that a transaction that fails leaves no trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    size: u64,
    /// One full subtree for each bit set in `size`, largest first.
    nodes: Vec<Hash>,
    /// The unfinished tile of each level from 1.
    edges: Vec<Vec<u8>>,
}

/// A tile's content after something was added to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TileRow {
    /// Level, from 1.
    pub level: u8,
    /// Number in its level.
    pub n: u64,
    /// 32 bytes a hash, at most 256 of them.
    pub hashes: Vec<u8>,
}

impl Tree {
    /// The tree of that size. `edges` gives the bytes of an unfinished tile by level and number.
    pub fn restore<E: From<Error>>(
        size: u64,
        reader: &impl HashReader,
        mut edge: impl FnMut(u8, u64) -> Result<Vec<u8>, E>,
    ) -> Result<Tree, E> {
        let nodes = if size == 0 { Vec::new() } else { reader.read_hashes(&sub_tree_index(0, size, Vec::new()))? };
        let mut edges = Vec::new();
        for level in 1..8 {
            let count = size >> (8 * level);
            if count == 0 {
                break;
            }
            edges.push(if count.is_multiple_of(TILE) { Vec::new() } else { edge(level, count / TILE)? });
        }
        Ok(Tree { size, nodes, edges })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf; tiles that change are noted in `changed`, each once, with their latest content.
    pub fn push(&mut self, leaf: Hash, changed: &mut Vec<TileRow>) {
        let (mut hash, mut n, mut height) = (leaf, self.size, 0u8);
        while n & 1 == 1 {
            let Some(left) = self.nodes.pop() else { break };
            hash = node_hash(left, hash);
            n >>= 1;
            height += 1;
            if height.is_multiple_of(8) {
                self.extend_tile(height / 8, n, hash, changed);
            }
        }
        self.nodes.push(hash);
        self.size += 1;
    }

    /// The root hash.
    pub fn root(&self) -> Hash {
        let mut nodes = self.nodes.iter().rev();
        let Some(&last) = nodes.next() else { return EMPTY_HASH };
        nodes.fold(last, |right, &left| node_hash(left, right))
    }

    fn extend_tile(&mut self, level: u8, at: u64, hash: Hash, changed: &mut Vec<TileRow>) {
        let index = usize::from(level) - 1;
        if self.edges.len() <= index {
            self.edges.resize(index + 1, Vec::new());
        }
        let edge = &mut self.edges[index];
        edge.extend_from_slice(&hash.0);
        let row = TileRow { level, n: at / TILE, hashes: edge.clone() };
        if at % TILE == TILE - 1 {
            edge.clear();
        }
        match changed.iter_mut().find(|r| (r.level, r.n) == (row.level, row.n)) {
            Some(earlier) => *earlier = row,
            None => changed.push(row),
        }
    }
}

/// The root over a full subtree's hashes, whose number is a power of two.
pub(crate) fn fold(hashes: &[Hash]) -> Option<Hash> {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level.chunks_exact(2).map(|pair| node_hash(pair[0], pair[1])).collect();
    }
    level.first().copied()
}

/// The hashes in a tile's bytes.
pub(crate) fn hashes(bytes: &[u8]) -> impl Iterator<Item = Hash> + '_ {
    bytes.chunks_exact(32).map(|chunk| {
        let mut hash = Hash::default();
        hash.0.copy_from_slice(chunk);
        hash
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::HashMap;
    use tlog_tiles::{record_hash, stored_hashes, tree_hash};

    /// The reference: the crate's own dense storage of all hashes.
    #[derive(Default)]
    struct Dense(RefCell<Vec<Hash>>);

    impl HashReader for Dense {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
            Ok(indexes.iter().map(|&i| self.0.borrow()[i as usize]).collect())
        }
    }

    #[test]
    fn the_tree_equals_the_reference_and_is_restored_at_any_size() {
        let (mut tree, dense) = (Tree::default(), Dense::default());
        let mut tiles: HashMap<(u8, u64), Vec<u8>> = HashMap::new();
        let mut changed = Vec::new();
        assert_eq!(tree.root(), EMPTY_HASH);
        for n in 0..70_000u64 {
            let text = n.to_be_bytes();
            let stored = stored_hashes(n, &text, &dense).expect("stored");
            dense.0.borrow_mut().extend(stored);
            tree.push(record_hash(&text), &mut changed);
            for row in changed.drain(..) {
                tiles.insert((row.level, row.n), row.hashes);
            }
            if n < 300 || n % 4099 == 0 || [65_535, 65_536].contains(&n) {
                assert_eq!(tree.root(), tree_hash(n + 1, &dense).expect("a root"), "size {}", n + 1);
                let edge = |level, n| Ok::<_, Error>(tiles[&(level, n)].clone());
                let restored = Tree::restore(n + 1, &dense, edge).expect("restored");
                assert_eq!((restored.root(), &restored.edges), (tree.root(), &tree.edges), "size {}", n + 1);
            }
        }
        assert_eq!(tiles[&(1, 0)].len(), 256 * 32);
        assert_eq!(tiles[&(2, 0)].len(), 32);
    }
}

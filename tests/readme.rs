//! The README's program is the example, so that it is compiled and run; its recipe is one.

use wgrad::prelude::Recipe;

fn read(path: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_readmes_program_is_the_example() {
    let readme = read("README.md");
    let example = read("examples/train_digits.rs");
    let program: String = example.lines().skip_while(|l| l.starts_with("//!") || l.is_empty()).map(|l| format!("{l}\n")).collect();
    let (_, after) = readme.split_once("```rust,no_run\n").unwrap();
    let (shown, _) = after.split_once("```").unwrap();
    assert_eq!(shown, program);
}

#[test]
fn the_readmes_recipe_is_read() {
    let readme = read("README.md");
    let (_, after) = readme.split_once("```toml\n").unwrap();
    let (shown, _) = after.split_once("```").unwrap();
    let recipe = Recipe::parse("README.md", shown).unwrap();
    assert_eq!(recipe.layers.len(), 4);
}

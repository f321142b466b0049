//! Recipes as text: what is wrong is told with its line, and what is written is read back.

use wgrad_nn::Recipe;
use wgrad_nn::recipe::BUILT_IN;

fn quickstart() -> &'static str {
    BUILT_IN[0].1
}

/// The message for the built-in recipe with one thing changed.
fn message(from: &str, to: &str) -> String {
    let text = quickstart().replacen(from, to, 1);
    assert_ne!(text, quickstart(), "{from} is not there");
    Recipe::parse("mine.toml", &text).unwrap_err().to_string()
}

#[test]
fn every_mistake_is_told_with_its_line_and_what_would_be_right() {
    let line = |of: &str| quickstart().lines().position(|l| l.contains(of)).unwrap() + 1;
    let cases: &[(&str, &str, Option<usize>, &[&str])] = &[
        ("units = 128", "unitz = 128", Some(line("units = 128")), &["unitz", "`units`", "linear layer"]),
        ("kind = \"relu\"", "kind = \"rleu\"", Some(line("relu")), &["rleu", "`relu`", "`dropout`"]),
        ("kind = \"relu\"", "kind = \"relu\"\nunits = 3", Some(line("relu") + 1), &["`units`", "takes none"]),
        ("kind = \"adam\"", "kind = \"adan\"", Some(line("adam")), &["adan", "`adamw`"]),
        ("kind = \"adam\"\n", "", None, &["[optimizer]", "`kind`", "missing"]),
        ("loss = \"cross_entropy\"", "loss = \"entropy\"", Some(line("loss")), &["entropy", "`mse`"]),
        ("loss = \"cross_entropy\"", "loss = 3", Some(line("loss")), &["text in quotes", "integer"]),
        ("batch_size", "bach_size", Some(line("batch_size")), &["bach_size", "`batch_size`"]),
        ("epochs = 3", "epochs = -3", Some(line("epochs")), &["-3", "from 0 on"]),
        ("epochs = 3", "epochs = 3.5", Some(line("epochs")), &["whole number", "float"]),
        ("epochs = 3", "epochs = 99999999999999999999", Some(line("epochs")), &["out of range"]),
        ("epochs = 3", "epochs =", Some(line("epochs")), &[]),
        ("epochs = 3\n", "", None, &["`epochs`", "missing"]),
        ("train = 8000", "train = \"many\"", Some(line("train = ")), &["whole number", "string"]),
        ("source = \"digits\"", "source = \"digit\"", Some(line("source")), &["digit", "`mnist`"]),
        ("learning_rate = 0.001", "learning_rate = 2024-01-01", Some(line("learning_rate")), &["a number", "datetime"]),
        ("seed = 1", "seed = 1\nclip_norm = [1.0]", Some(line("seed") + 1), &["a number", "array"]),
        ("seed = 1", "seed = 1\nearly_stopping = {}", Some(line("seed") + 1), &["early_stopping", "`patience`", "missing"]),
    ];
    for (from, to, line, parts) in cases {
        let message = message(from, to);
        let line = line.map(|n| format!("line {n}:"));
        let parts = parts.iter().copied().chain(line.as_deref()).chain(["mine.toml"]);
        parts.for_each(|part| assert!(message.contains(part), "{from} → {to}: no {part:?} in {message:?}"));
    }
    let empty = Recipe::parse("mine.toml", "").unwrap_err().to_string();
    assert!(empty.contains("`name`") && empty.contains("missing"), "{empty}");
}

#[test]
fn whatever_is_written_is_read_back() {
    let text = r#"
        name = "all \"kinds\" \u0007 of\nthings é 🙂"
        seed = 18446744073709551615
        epochs = 0x10
        batch_size = 7
        shuffle = false
        loss = "mse"
        clip_norm = 1
        early_stopping = { patience = 3, min_delta = 1e-300 }
        save_every = 100
        [data]
        source = "idx"
        train_images = "C:\\images"
        train_labels = 'b'
        test_images = "c"
        test_labels = "d"
        classes = ["one", "", "\t"]
        normalize = { mean = [0.1, 3.0e38], std = [1, 1e-45] }
        validation_split = 0.1
        [optimizer]
        kind = "sgd"
        momentum = 0.30000000000000004
        nesterov = true
        [[layers]]
        kind = "dropout"
        ratio = 0.5
        [[layers]]
        kind = "linear"
        units = 4
        bias = false
        init = "xavier_normal"
        bias_init = "ones"
        [[layers]]
        kind = "gelu_tanh"
    "#;
    let recipe = Recipe::parse("all", text).unwrap();
    assert_eq!((recipe.seed, recipe.epochs, recipe.clip_norm), (u64::MAX, 16, Some(1.0)));
    let written = recipe.to_toml();
    assert_eq!(Recipe::parse("again", &written).unwrap(), recipe, "{written}");
    assert!(written.contains("\n[data]\n") && written.matches("\n[[layers]]\n").count() == 3, "{written}");
    assert_eq!(Recipe::parse("again", &written).unwrap().to_toml(), written);
}

#[test]
fn infinity_and_nan_are_numbers_of_toml() {
    let text = BUILT_IN[2].1.replace("[[1.0], [2.0]", "[[inf], [-inf]");
    let recipe = Recipe::parse("mine", &text).unwrap();
    assert_eq!(Recipe::parse("mine", &recipe.to_toml()).unwrap(), recipe);
    let text = BUILT_IN[2].1.replace("[[1.0], [2.0]", "[[nan], [2.0]");
    assert!(Recipe::parse("mine", &text).unwrap().to_toml().contains("[nan]"));
}

#[test]
fn layers_inside_of_layers_are_written_and_read_back() {
    let text = quickstart().split("[[layers]]").next().unwrap().to_owned()
        + r#"
        [[layers]]
        kind = "flatten"
        [[layers]]
        kind = "block"
        name = "stem"
        [[layers.layers]]
        kind = "linear"
        units = 16
        [[layers.layers]]
        kind = "residual"
        activation = "relu"
        body = [{ kind = "linear", units = 16 }, { kind = "residual", body = [{ kind = "tanh" }] }]
        [[layers.layers]]
        kind = "residual"
        body = []
        [[layers.layers.shortcut]]
        kind = "dropout"
        ratio = 0.5
        [[layers]]
        kind = "branches"
        branches = [[], [{ kind = "relu" }, { kind = "linear", units = 3 }]]
        "#;
    let recipe = Recipe::parse("nested", &text).unwrap();
    assert!(recipe.layers[1].is_random() && !recipe.layers[2].is_random());
    let written = recipe.to_toml();
    assert_eq!(Recipe::parse("again", &written).unwrap(), recipe, "{written}");
    assert_eq!(Recipe::parse("again", &written).unwrap().to_toml(), written);
    // One layer a line, those inside of others further in.
    assert!(written.contains("\nlayers = [\n  { kind = \"linear\", units = 16,"), "{written}");
    assert!(written.contains("\n    { kind = \"residual\", body = [\n      { kind = \"tanh\" },\n    ] },\n"), "{written}");
    for (from, to, line, texts) in [
        ("kind = \"tanh\"", "kind = \"tan\"", "{ kind = \"tan\" }", ["`tan`", "`tanh`"]),
        ("ratio = 0.5", "ratios = 0.5", "ratios = 0.5", ["`ratios`", "dropout"]),
        ("activation = \"relu\"", "activation = \"linear\"", "activation = ", ["`linear`", "`relu`"]),
        ("branches = [[], [", "branches = [{}, [", "branches = [{}", ["a list", "table"]),
        ("body = []", "body = {}", "body = {}", ["a list", "table"]),
    ] {
        assert!(text.contains(from), "{from}");
        let text = text.replacen(from, to, 1);
        let number = text.lines().position(|l| l.contains(line)).unwrap() + 1;
        let message = Recipe::parse("mine", &text).unwrap_err().to_string();
        assert!(message.contains(&format!("line {number}:")), "{message}");
        texts.iter().for_each(|t| assert!(message.contains(t), "{t:?} is not in {message:?}"));
    }
}

#[test]
fn a_recipe_nested_without_end_is_an_error() {
    let deep = "{ kind = \"residual\", body = [".repeat(20_000) + &"] }".repeat(20_000);
    let text = quickstart().split("[[layers]]").next().unwrap().replace("[data]", &format!("layers = [{deep}]\n[data]"));
    assert!(Recipe::parse("deep", &text).is_err());
}

#[test]
fn layers_that_normalise_are_written_and_read_back() {
    let text = quickstart().split("[[layers]]").next().unwrap().to_owned()
        + r#"
        [[layers]]
        kind = "batch_norm"
        momentum = 0.01
        [[layers]]
        kind = "layer_norm"
        normalized_shape = [28, 28]
        [[layers]]
        kind = "rms_norm"
        eps = 1e-6
        [[layers]]
        kind = "group_norm"
        groups = 1
        affine = false
        [[layers]]
        kind = "instance_norm"
        "#;
    let recipe = Recipe::parse("norms", &text).unwrap();
    assert_eq!(recipe.layers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["batch_norm", "layer_norm", "rms_norm", "group_norm 1", "instance_norm"]);
    assert_eq!(Recipe::parse("norms", &recipe.to_toml()).unwrap(), recipe);
    assert!(recipe.to_toml().contains("kind = \"batch_norm\"\nmomentum = 0.01\neps = 1e-5\naffine = true\n"), "{}", recipe.to_toml());
}

#[test]
fn settings_of_the_training_are_written_and_read_back() {
    let (top, rest) = quickstart().split_once("[data]").unwrap();
    let text = |more: &str, schedule: &str| {
        let (middle, layers) = rest.split_once("[[layers]]").unwrap();
        let (data, _) = middle.split_once("[optimizer]").unwrap();
        format!("{top}{more}\n[data]{data}[optimizer]\nkind = \"rmsprop\"\nmomentum = 0.9\n[schedule]\n{schedule}\n[[layers]]{layers}")
    };
    let more = "label_smoothing = 0.1\nignore_index = -100\nl1 = 1e-5\nl2 = 0.0001";
    let schedules = [
        "kind = \"step\"\nstep_size = 3",
        "kind = \"exponential\"\ngamma = 0.9",
        "kind = \"cosine\"\nwarmup_steps = 100",
        "kind = \"one_cycle\"",
        "kind = \"plateau\"\npatience = 3",
    ];
    for schedule in schedules {
        let recipe = Recipe::parse("mine", &text(more, schedule)).unwrap();
        let written = recipe.to_toml();
        assert_eq!(Recipe::parse("again", &written).unwrap(), recipe, "{written}");
        assert!(written.contains("\n[schedule]\nkind = ") && written.contains("\nignore_index = -100\n"), "{written}");
        let options = recipe.options();
        assert_eq!((options.loss.label_smoothing, options.loss.ignore_index, options.l1, options.l2), (0.1, Some(-100), 1e-5, 1e-4));
        assert!(options.schedule.is_some());
    }
    let refused = |more: &str, schedule: &str| Recipe::parse("mine", &text(more, schedule)).unwrap_err().to_string();
    assert!(refused("label_smoothing = 2", schedules[0]).contains("label_smoothing is 2"));
    assert!(refused("ignore_index = 99999999999", schedules[0]).contains("32 bits"));
    assert!(refused("l2 = -1", schedules[0]).contains("l2 is -1"));
    assert!(refused(more, "kind = \"plateau\"\nfactor = 2").contains("`factor` is 2"));
    assert!(refused(more, "kind = \"linear\"").contains("`one_cycle`"));
    assert!(refused(more, "kind = \"cosine\"\nwarmup = 3").contains("`warmup_steps`"));
}

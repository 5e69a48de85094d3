//! What the command line cannot show of training: how it begins, and that it goes on where it stopped.

use super::*;
use crate::embed::train::data::Source;
use crate::embed::{Role, Text};

fn args(out: &std::path::Path) -> EncoderArgs {
    EncoderArgs {
        data: PathBuf::new(),
        out: out.to_owned(),
        dictionaries: PathBuf::from("models/dict"),
        models: PathBuf::from("models"),
        seed: 3,
        batches: 8,
        batch: 8,
        pool: 16,
        near: 0.5,
        tokens: 24,
        pieces: 400,
        layers: 2,
        width: 322,
        heads: 7,
        inner: 32,
        positions: 32,
        rate: 0.001,
        temperature: 0.05,
        dropout: 0.1,
        spans: 0.0,
        neighbors: 0.0,
        measure: 4,
        threads: 2,
        resume: false,
        quiet: true,
    }
}

/// A desk in small: what the texts are, the tokenizer of their words, and pairs of them.
struct Small {
    texts: Vec<String>,
    analyzer: Analyzer,
    model: StaticModel,
    pieces: Pieces,
    corpus: Corpus,
}

fn small() -> Small {
    let things = ["口座", "パスワード", "手数料", "出金", "領収書", "住所", "メール", "書類"];
    let actions = ["変更", "登録", "確認", "解約", "発行", "送信", "入力", "再設定"];
    let texts: Vec<String> =
        things.iter().flat_map(|thing| actions.map(|action| format!("{thing}を{action}する方法"))).collect();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let analyzer = Analyzer::open_default(&root.join("dict"), &Vocabulary::default()).expect("a dictionary");
    let model = StaticModel::open(&root, analyzer.dictionary()).expect("the shipped model");
    let pieces = Pieces::learn(&texts, &analyzer, 400).expect("learns");
    let mut corpus = Corpus { hash: "test".into(), ..Corpus::default() };
    for text in &texts {
        let terms = pieces.split(text).into_iter().map(|piece| {
            let known = corpus.terms.iter().position(|term| *term == piece);
            known.unwrap_or_else(|| {
                corpus.terms.push(piece);
                corpus.terms.len() - 1
            }) as u32
        });
        let terms = terms.collect();
        corpus.texts.push(terms);
    }
    let pairs = (0..texts.len() as u32 - 1).map(|at| (at, at + 1)).collect();
    corpus.sources.push(Source {
        name: "made up".into(),
        license: String::new(),
        machine_translated: false,
        count: texts.len(),
        pairs,
    });
    corpus.held_out = vec![(0, 1), (9, 10), (20, 21)];
    Small { texts, analyzer, model, pieces, corpus }
}

#[test]
fn training_begins_where_the_static_model_is() {
    let small = small();
    let out = tempfile::tempdir().expect("a folder");
    let args = args(out.path());
    let mut training = Training::start(&args, &small.corpus, &small.pieces, &small.model).expect("starts");
    training.state().expect("begins");
    let own: Vec<Vec<i64>> = small.corpus.texts.iter().map(|terms| training.text(terms)).collect();
    let vectors = training.learner.encode(own).expect("computes");
    let expected: Vec<Vec<f32>> = small
        .texts
        .iter()
        .map(|text| small.model.embed(&Text { raw: text, terms: &small.analyzer.terms(text) }, Role::Query))
        .collect();
    let vector = |at: usize| &vectors[at * args.width..][..args.width];
    let (mut apart, mut pairs) = (0.0, 0.0);
    for a in 0..expected.len() {
        for b in 0..a {
            apart += (dot(vector(a), vector(b)) - dot(&expected[a], &expected[b])).abs();
            pairs += 1.0;
        }
    }
    assert!(apart / pairs < 0.08, "cosines differ by {} on average", apart / pairs);
}

#[test]
fn a_checkpoint_goes_on_as_if_training_had_never_stopped() {
    let small = small();
    let out = tempfile::tempdir().expect("a folder");
    let args = args(out.path());
    let start = |args: &EncoderArgs, steps: usize| -> anyhow::Result<State> {
        let mut training = Training::start(args, &small.corpus, &small.pieces, &small.model)?;
        let mut state = training.state()?;
        for _ in 0..steps {
            training.step(&mut state)?;
        }
        training.measure(&mut state, 0.5)?;
        training.save(&state)?;
        Ok(state)
    };
    let whole = start(&args, 6).expect("trains");
    let half = start(&args, 3).expect("trains");
    assert!(half.weights != whole.weights);
    let resumed = EncoderArgs { resume: true, ..args.clone() };
    let rest = start(&resumed, 3).expect("goes on");
    assert!(rest.weights == whole.weights, "the same weights to the last bit");
    assert_eq!((rest.next_batch, rest.adam.steps), (6, 6));
    assert_eq!(rest.curve[0], half.curve[0], "what was measured is kept");
    let shorter = EncoderArgs { batches: 7, ..resumed.clone() };
    assert_eq!(start(&shorter, 1).expect("goes on to another end").next_batch, 7);
    let other = EncoderArgs { rate: 0.5, ..resumed };
    let error = start(&other, 1).err().expect("refused").to_string();
    assert!(error.contains("training-encoder.checkpoint is of other data or options"), "{error}");
}

#[test]
fn options_out_of_range_are_named() {
    let bad = |change: fn(&mut EncoderArgs)| {
        let mut args = args(std::path::Path::new(""));
        change(&mut args);
        validate(&args).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(bad(|_| ()).is_empty());
    assert!(bad(|args| args.heads = 5).contains("multiple of --heads"));
    assert!(bad(|args| args.tokens = 33).contains("--tokens must be 8 to 32, not 33"));
    assert!(bad(|args| args.pool = 4).contains("--pool"));
    assert!(bad(|args| args.near = 1.5).contains("--near"));
    assert!(bad(|args| args.rate = f32::NAN).contains("--rate"));
}

//! Finds the published dictionaries on this machine and converts them to the one source form that the builder takes:
//! surface, contexts, cost and the fields of `segment::FIELDS`, in UTF-8, spelled like normalised text.

use std::collections::HashMap;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::TextError;
use super::dictionary::DictionaryKind;
use super::mecab::{CharacterCategories, CharacterInfo, Lexicon, Matrix, MecabError};
use super::normalize::normalize;
use super::segment::FIELDS;

/// A source in the builder's form.
pub(super) struct Converted {
    /// Name and version, for people.
    pub name: String,
    /// Left and right context of an ordinary proper noun.
    pub noun_context: (u16, u16),
}

/// Where each source lies when nothing is said: what scripts/setup.sh fetches, then Debian's package.
fn usual_places(kind: DictionaryKind) -> &'static [&'static str] {
    match kind {
        DictionaryKind::Unidic => &[".cache/unidic-lite", "/var/lib/mecab/dic/unidic"],
        DictionaryKind::Ipadic => &["/usr/share/mecab/dic/ipadic", ".cache/mecab-ipadic"],
    }
}

/// The file whose folder is the source.
fn landmark(kind: DictionaryKind) -> &'static str {
    match kind {
        DictionaryKind::Unidic => "sys.dic",
        DictionaryKind::Ipadic => "matrix.def",
    }
}

/// Finds the folder of the source, searching `given` or the usual places.
pub(super) fn find(kind: DictionaryKind, given: Option<&Path>) -> Result<PathBuf, TextError> {
    let places: Vec<&Path> = match given {
        Some(path) => vec![path],
        None => usual_places(kind).iter().map(Path::new).collect(),
    };
    places.iter().find_map(|place| folder_with(landmark(kind), place, 4)).ok_or_else(|| TextError::Source {
        path: places[0].to_owned(),
        reason: format!(
            "no {} found; run scripts/setup.sh, or name its folder with --source",
            landmark(kind)
        ),
    })
}

fn folder_with(file: &str, folder: &Path, depth: usize) -> Option<PathBuf> {
    if folder.join(file).is_file() {
        return Some(folder.to_owned());
    }
    if depth == 0 {
        return None;
    }
    let mut below: Vec<PathBuf> =
        fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    below.sort();
    below.iter().find_map(|path| folder_with(file, path, depth - 1))
}

/// Writes the source in `from` in the builder's form into the folder `out`.
pub(super) fn convert(kind: DictionaryKind, from: &Path, out: &Path) -> Result<Converted, TextError> {
    match kind {
        DictionaryKind::Unidic => convert_unidic(from, out),
        DictionaryKind::Ipadic => convert_ipadic(from, out),
    }
}

// ---- UniDic, from MeCab's compiled files -------------------------------------------------------------------------

/// Where the wanted features stand in UniDic's list.
struct UnidicFeatures {
    lemma_reading: usize,
    lemma: usize,
    written_base: usize,
    kana: usize,
}

impl UnidicFeatures {
    /// Read from the list in dicrc, since it differs between releases.
    fn from_dicrc(dicrc: &str) -> Self {
        let index = |name: &str, usual: usize| {
            let named = |line: &str| {
                let (number, found) = line.strip_prefix("; f[")?.split_once("]:")?;
                (found.trim() == name).then(|| number.parse().ok()).flatten()
            };
            dicrc.lines().find_map(named).unwrap_or(usual)
        };
        Self {
            lemma_reading: index("lForm", 6),
            lemma: index("lemma", 7),
            written_base: index("orthBase", 10),
            kana: index("kana", 17),
        }
    }

    /// A feature list of UniDic as the fields of [`FIELDS`].
    fn fields(&self, features: &[String]) -> [String; FIELDS.len()] {
        let get = |index: usize| {
            features.get(index).map_or("*", |feature| if feature.is_empty() { "*" } else { feature })
        };
        // Loanwords carry their origin, `バッグ-bag`, and homographs a hint, `私-代名詞`.
        let lemma = match get(self.lemma) {
            "*" => get(self.written_base),
            lemma => {
                lemma.split_once('-').map_or(lemma, |(word, _)| if word.is_empty() { lemma } else { word })
            }
        };
        let pos = |index: usize| get(index).to_owned();
        [
            pos(0),
            pos(1),
            pos(2),
            pos(4),
            pos(5),
            spelled(lemma),
            get(self.lemma_reading).to_owned(),
            get(self.kana).to_owned(),
        ]
    }
}

fn convert_unidic(from: &Path, out: &Path) -> Result<Converted, TextError> {
    let read = |name: &str| {
        let path = from.join(name);
        fs::read(&path).map_err(|err| TextError::io(&path, err))
    };
    let layout = UnidicFeatures::from_dicrc(&String::from_utf8_lossy(&read("dicrc").unwrap_or_default()));
    let bad = |name: &'static str| move |err: MecabError| TextError::source(&from.join(name), err);

    let mut lexicon = LexiconWriter::create(out)?;
    let words = read("sys.dic")?;
    each_word(&words, |word, features| lexicon.add(word.0, word.1, &layout.fields(features)))
        .map_err(|err| err.at(&from.join("sys.dic")))?;
    drop(words);
    let noun_context = lexicon.finish()?;

    let mut unknown = String::new();
    each_word(&read("unk.dic")?, |word, features| {
        let ((left, right, cost), fields) = (word.1, layout.fields(features));
        // The builder reads this file without quotes; categories and parts of speech have no comma.
        unknown += &format!("{},{left},{right},{cost},{}\n", word.0, fields.join(","));
        Ok(())
    })
    .map_err(|err| err.at(&from.join("unk.dic")))?;
    write(&out.join("unk.def"), unknown.as_bytes())?;

    let categories = read("char.bin")?;
    let categories = CharacterCategories::parse(&categories).map_err(bad("char.bin"))?;
    write(&out.join("char.def"), character_definition(&categories).as_bytes())?;

    let matrix = read("matrix.bin")?;
    write_matrix(&Matrix::parse(&matrix).map_err(bad("matrix.bin"))?, &out.join("matrix.def"))?;

    let version = read("version").map(|text| String::from_utf8_lossy(&text).trim().to_owned());
    let product = if from.components().any(|part| part.as_os_str() == "unidic_lite") {
        "unidic-lite"
    } else {
        "unidic"
    };
    let name = version.map_or(product.to_owned(), |version| format!("{product} {version}"));
    Ok(Converted { name, noun_context })
}

/// Either the compiled file is bad or writing the converted words failed.
enum ConvertError {
    Mecab(MecabError),
    Text(TextError),
}

impl From<MecabError> for ConvertError {
    fn from(err: MecabError) -> Self {
        Self::Mecab(err)
    }
}

impl ConvertError {
    fn at(self, path: &Path) -> TextError {
        match self {
            Self::Mecab(err) => TextError::source(path, err),
            Self::Text(err) => err,
        }
    }
}

/// Left context, right context, cost.
type Costs = (u16, u16, i16);

fn each_word(
    bytes: &[u8],
    mut visit: impl FnMut((&str, Costs), &[String]) -> Result<(), TextError>,
) -> Result<(), ConvertError> {
    let mut features = Vec::new();
    Lexicon::parse(bytes)?.each_word(|word| {
        split_features(word.features, &mut features);
        visit((word.surface, (word.left, word.right, word.cost)), &features).map_err(ConvertError::Text)
    })
}

/// Splits a CSV line; most have no quotes and need no parser.
fn split_features(line: &str, out: &mut Vec<String>) {
    out.clear();
    if !line.contains('"') {
        out.extend(line.split(',').map(str::to_owned));
        return;
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
    if let Some(Ok(record)) = reader.records().next() {
        out.extend(record.iter().map(str::to_owned));
    }
}

fn character_definition(categories: &CharacterCategories<'_>) -> String {
    let mut text = String::new();
    let mut how: HashMap<usize, CharacterInfo> = HashMap::new();
    let mut ranges: Vec<(u32, u32, CharacterInfo)> = Vec::new();
    for (c, info) in categories.characters() {
        how.entry(info.default_category()).or_insert(info);
        // Surrogates are no characters; the builder could not read them.
        if (0xD800..=0xDFFF).contains(&c) || c > 0xFFFF {
            continue;
        }
        match ranges.last_mut() {
            Some((_, last, same)) if *same == info && *last + 1 == c => *last = c,
            _ => ranges.push((c, c, info)),
        }
    }
    for (index, name) in categories.names.iter().enumerate() {
        let (invoke, group, length) = how
            .get(&index)
            .map_or((0, 1, 0), |info| (u8::from(info.invoke()), u8::from(info.group()), info.length()));
        text += &format!("{name} {invoke} {group} {length}\n");
    }
    for (first, last, info) in ranges {
        let default = info.default_category();
        let rest = (0..categories.names.len()).filter(|&index| index != default && info.has(index));
        let names: Vec<&str> = std::iter::once(default)
            .chain(rest)
            .filter_map(|index| categories.names.get(index).copied())
            .collect();
        if names != ["DEFAULT"] {
            text += &format!("0x{first:04X}..0x{last:04X} {}\n", names.join(" "));
        }
    }
    text
}

fn write_matrix(matrix: &Matrix<'_>, path: &Path) -> Result<(), TextError> {
    let write = || -> std::io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, fs::File::create(path)?);
        writeln!(out, "{} {}", matrix.left, matrix.right)?;
        let lefts: Vec<String> = (0..matrix.left).map(|left| left.to_string()).collect();
        for right in 0..matrix.right {
            let middle = format!(" {right} ");
            for (left, digits) in lefts.iter().enumerate() {
                out.write_all(digits.as_bytes())?;
                out.write_all(middle.as_bytes())?;
                writeln!(out, "{}", matrix.cost(left, right))?;
            }
        }
        out.flush()
    };
    write().map_err(|err| TextError::io(path, err))
}

// ---- IPADIC, from its CSV files ----------------------------------------------------------------------------------

fn convert_ipadic(from: &Path, out: &Path) -> Result<Converted, TextError> {
    let mut lexicon = LexiconWriter::create(out)?;
    let mut files: Vec<PathBuf> = fs::read_dir(from)
        .map_err(|err| TextError::io(from, err))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .collect();
    files.sort();
    for path in &files {
        let text = read_japanese(path)?;
        let mut rows =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        for row in rows.records() {
            let row = row.map_err(|err| TextError::source(path, err))?;
            let (costs, fields) =
                ipadic_word(&row).ok_or_else(|| TextError::source(path, "a row is too short"))?;
            lexicon.add(&row[0], costs, &fields)?;
        }
    }
    let noun_context = lexicon.finish()?;

    let path = from.join("unk.def");
    let mut unknown = String::new();
    for line in read_japanese(&path)?.lines() {
        let row = csv::StringRecord::from(line.split(',').collect::<Vec<_>>());
        let ((left, right, cost), fields) =
            ipadic_word(&row).ok_or_else(|| TextError::source(&path, "a row is too short"))?;
        unknown += &format!("{},{left},{right},{cost},{}\n", &row[0], fields.join(","));
    }
    write(&out.join("unk.def"), unknown.as_bytes())?;
    for name in ["char.def", "matrix.def"] {
        write(&out.join(name), read_japanese(&from.join(name))?.as_bytes())?;
    }
    Ok(Converted { name: "mecab-ipadic 2.7.0".to_owned(), noun_context })
}

/// A row of IPADIC, `surface,left,right,cost,pos1..4,type,form,base,reading,pronunciation`, as costs and fields.
/// Unknown words have no base or reading.
fn ipadic_word(row: &csv::StringRecord) -> Option<(Costs, [String; FIELDS.len()])> {
    let number = |index: usize| row.get(index)?.trim().parse::<i32>().ok();
    let costs = (number(1)? as u16, number(2)? as u16, number(3)? as i16);
    row.get(6)?;
    let get = |index: usize| row.get(index).unwrap_or("*").to_owned();
    let base = row.get(10).unwrap_or("*");
    // Readings are of the written form; only words without inflection have them for their base form too.
    let reading = get(11);
    let base_reading = if row.get(9).is_none_or(|form| form == "*" || form == "基本形") {
        reading.clone()
    } else {
        "*".into()
    };
    Some((costs, [get(4), get(5), get(6), get(8), get(9), spelled(base), base_reading, reading]))
}

/// Reads a file in UTF-8 or, as published, EUC-JP.
fn read_japanese(path: &Path) -> Result<String, TextError> {
    let bytes = fs::read(path).map_err(|err| TextError::io(path, err))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(err) => {
            let (text, _, errors) = encoding_rs::EUC_JP.decode(err.as_bytes());
            if errors {
                return Err(TextError::source(path, "neither UTF-8 nor EUC-JP"));
            }
            Ok(text.into_owned())
        }
    }
}

// ---- Both --------------------------------------------------------------------------------------------------------

/// `lemma` as it is spelled in normalised text.
fn spelled(lemma: &str) -> String {
    let spelled = normalize(lemma);
    if spelled.is_empty() { "*".to_owned() } else { spelled }
}

/// Writes lexicon.csv with normalised surfaces and counts which contexts proper nouns have.
struct LexiconWriter {
    path: PathBuf,
    rows: csv::Writer<fs::File>,
    nouns: HashMap<(u16, u16), usize>,
}

impl LexiconWriter {
    fn create(folder: &Path) -> Result<Self, TextError> {
        let path = folder.join("lexicon.csv");
        let file = fs::File::create(&path).map_err(|err| TextError::io(&path, err))?;
        Ok(Self {
            path,
            rows: csv::WriterBuilder::new().buffer_capacity(1 << 20).from_writer(file),
            nouns: HashMap::new(),
        })
    }

    fn add(
        &mut self,
        surface: &str,
        (left, right, cost): Costs,
        fields: &[String; FIELDS.len()],
    ) -> Result<(), TextError> {
        let surface = normalize(surface);
        if surface.is_empty() {
            return Ok(());
        }
        if fields[..3] == ["名詞", "固有名詞", "一般"] {
            *self.nouns.entry((left, right)).or_default() += 1;
        }
        let numbers = [left.to_string(), right.to_string(), cost.to_string()];
        let row = std::iter::once(&surface).chain(&numbers).chain(fields);
        self.rows.write_record(row).map_err(|err| TextError::source(&self.path, err))
    }

    /// Ends the file and returns the most usual contexts of a proper noun.
    fn finish(mut self) -> Result<(u16, u16), TextError> {
        self.rows.flush().map_err(|err| TextError::io(&self.path, err))?;
        let usual = self.nouns.iter().max_by_key(|(contexts, count)| (**count, **contexts));
        usual
            .map(|(contexts, _)| *contexts)
            .ok_or_else(|| TextError::source(&self.path, "the source has no proper nouns"))
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), TextError> {
    fs::write(path, bytes).map_err(|err| TextError::io(path, err))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unidic_features_become_fields() {
        let layout = UnidicFeatures::from_dicrc("; f[17]: kana\n; f[7]:  lemma\n");
        let mut features = vec!["*".to_owned(); 26];
        for (index, feature) in
            [(0, "名詞"), (1, "普通名詞"), (2, "一般"), (6, "バッグ"), (7, "バッグ-bag"), (17, "バッグ")]
        {
            features[index] = feature.to_owned();
        }
        assert_eq!(
            layout.fields(&features),
            ["名詞", "普通名詞", "一般", "*", "*", "バッグ", "バッグ", "バッグ"]
        );
        features[7] = "Ｔシャツ-T-shirt".to_owned();
        assert_eq!(layout.fields(&features)[5], "tシャツ");
        features[7] = "*".to_owned();
        features[10] = "かばん".to_owned();
        assert_eq!(layout.fields(&features)[5], "かばん");
        assert_eq!(layout.fields(&features[..6])[5], "*");
    }

    #[test]
    fn quoted_features_are_split() {
        let mut out = Vec::new();
        split_features("a,b", &mut out);
        assert_eq!(out, ["a", "b"]);
        split_features("a,\"1,000\",c", &mut out);
        assert_eq!(out, ["a", "1,000", "c"]);
    }

    #[test]
    fn ipadic_rows_become_fields() {
        let row = |text: &str| csv::StringRecord::from(text.split(',').collect::<Vec<_>>());
        let (costs, fields) =
            ipadic_word(&row("走っ,823,824,7000,動詞,自立,*,*,五段・ラ行,連用タ接続,走る,ハシッ,ハシッ"))
                .unwrap();
        assert_eq!(costs, (823, 824, 7000));
        assert_eq!(fields, ["動詞", "自立", "*", "五段・ラ行", "連用タ接続", "走る", "*", "ハシッ"]);
        let (_, fields) = ipadic_word(&row("KANJI,1285,1285,11426,名詞,一般,*,*,*,*,*")).unwrap();
        assert_eq!(fields[5], "*");
        assert!(ipadic_word(&row("a,b,c")).is_none());
    }
}

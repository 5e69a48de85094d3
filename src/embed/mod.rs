//! tmp
/// t
pub struct Text<'a> { /// r
 pub raw: &'a str, /// t
 pub terms: &'a [String] }
/// r
pub enum Role { /// q
 Query, /// p
 Passage }
/// e
pub trait Embedder: Send + Sync { /// d
 fn dimension(&self) -> usize; /// e
 fn embed(&self, text: &Text<'_>, role: Role) -> Vec<f32>; /// f
 fn fingerprint(&self) -> String; /// k
 fn known_share(&self, terms:&[String]) -> f32; }
/// s
pub struct StaticModel;
impl StaticModel { /// o
 pub fn open(_d:&std::path::Path, _i:&crate::text::DictionaryInfo)->Result<Self,String>{Err("no model yet".into())} }
impl Embedder for StaticModel { fn dimension(&self)->usize{0} fn embed(&self,_:&Text<'_>,_:Role)->Vec<f32>{vec![]} fn fingerprint(&self)->String{String::new()} fn known_share(&self,_:&[String])->f32{0.0} }

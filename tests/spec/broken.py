# ruff: noqa: E501  (the table is read by rows)
"""Broken specs by name: a base, and what is written instead of a part of it."""

BASE = """\
apiVersion: lorarun/v1
kind: Campaign
metadata: {name: base, title: 기본 캠페인, language: ko}
seed: 19
limits: {memory: 20GB}
models:
  qwen: {family: qwen3_vl, path: data/models/qwen}
  llama: {family: llama, path: data/models/llama}
datasets:
  images:
    path: data/images
    splits: {train: train.jsonl, valid: valid.jsonl, test: test.jsonl}
    prompt: "{question}"
    image: image
    facts: facts
  pairs:
    path: data/pairs
    splits: {train: train.jsonl, valid: valid.jsonl, test: test.jsonl}
    prompt: "다음 글을 요약하라: {text}"
defaults:
  tune: {lora: {rank: 8, alpha: 16}, train: {epochs: 3}}
tunes:
  qwen-lora: {model: qwen, dataset: images}
  llama-lora: {model: llama, dataset: pairs}
  chain-lora: {chain: 사슬, stage: summary, start_from: llama-lora, dataset: images}
chains:
  사슬:
    stages:
      - {id: analysis, model: qwen, adapter: qwen-lora, prompt: "이미지를 분석하라."}
      - {id: summary, model: llama, adapter: chain-lora, prompt: "요약하라: {analysis}"}
evaluations:
  image: {subject: qwen-lora, dataset: images, metrics: [fact_recall, anls, response_length]}
  text: {subject: llama-lora, dataset: pairs, metrics: [{name: rougeL, unit: syllable}, failure_rate]}
  chain: {subject: 사슬, dataset: images, metrics: [fact_recall, information_retention, determinism]}
acceptance:
  targets:
    - {id: qwen, title: 이미지 분석 정확도 15%↑, metric: image.fact_recall, min_improvement: 15%}
    - {id: chain, metric: chain.fact_recall, min_improvement: 20%}
  guards: {metrics: quality, max_regression: 0}
  limits:
    - {metric: memory.peak, max: 20GB}
    - {metric: determinism, equals: 1.0}
ssot_fields: {qwen_accuracy: image.fact_recall}
scorecard:
  name: Trinity Score
  baseline: 258.3
  target: 333.3
  pillars:
    - {id: truth, name: 眞, points: 50, requires: [qwen, chain]}
    - {id: goodness, name: 善, points: 25, requires: [memory.peak, guards]}
"""

# group → name → (part of the base, what stands there instead)
EDITS: dict[str, dict[str, tuple[str, str]]] = {
    "values": {
        "memory without a unit": ("20GB}\nmodels", "20}\nmodels"),
        "memory in an unknown unit": ("20GB}\nmodels", "20GBs}\nmodels"),
        "memory of zero": ("20GB}\nmodels", "0GB}\nmodels"),
        "memory below zero": ("20GB}\nmodels", "-5GB}\nmodels"),
        "memory in small letters": ("20GB}\nmodels", "20gb}\nmodels"),
        "memory in full-width digits": ("20GB}\nmodels", "２０GB}\nmodels"),
        "wall time without a unit": ("memory: 20GB}\nmodels", "memory: 20GB, wall_time: 8}\nmodels"),
        "wall time as a clock": ("memory: 20GB}\nmodels", "memory: 20GB, wall_time: 8:30}\nmodels"),
        "wall time in Korean": ("memory: 20GB}\nmodels", "memory: 20GB, wall_time: 8시간}\nmodels"),
        "share without a unit": ("min_improvement: 15%", "min_improvement: 0.15"),
        "share as a quoted number": ("min_improvement: 15%", 'min_improvement: "15"'),
        "share below zero": ("min_improvement: 15%", "min_improvement: -15%"),
        "regression without a unit": ("max_regression: 0}", "max_regression: 0.05}"),
        "seed as a text": ("seed: 19", 'seed: "19"'),
        "seed in full-width digits": ("seed: 19", "seed: １９"),
        "seed below zero": ("seed: 19", "seed: -1"),
        "seed with a fraction": ("seed: 19", "seed: 1.5"),
        "seed as true": ("seed: 19", "seed: true"),
        "seed missing its value": ("seed: 19", "seed:"),
        "seed too large": ("seed: 19", "seed: 99999999999999999999"),
        "rank of zero": ("rank: 8", "rank: 0"),
        "rank as a text": ("rank: 8", 'rank: "8"'),
        "rank too large": ("rank: 8", "rank: 4096"),
        "rank missing its value": ("rank: 8", "rank: "),
        "dropout over one": ("alpha: 16}", "alpha: 16, dropout: 1.5}"),
        "learning rate of zero": ("epochs: 3}", "epochs: 3, learning_rate: 0}"),
        "learning rate as a text": ("epochs: 3}", 'epochs: 3, learning_rate: "2e-5"}'),
        "epochs of zero": ("epochs: 3", "epochs: 0"),
        "batch size of zero": ("epochs: 3", "epochs: 3, batch_size: 0"),
        "micro batch in another word": ("epochs: 3", "epochs: 3, micro_batch: automatic"),
        "micro batch larger than the batch": ("epochs: 3", "epochs: 3, micro_batch: 8"),
        "micro batch that does not divide": ("epochs: 3", "epochs: 3, micro_batch: 3"),
        "optimizer that is not known": ("epochs: 3", "epochs: 3, optimizer: adamW"),
        "weight decay of adam": ("epochs: 3", "epochs: 3, weight_decay: 0.1"),
        "target modules as a text": ("alpha: 16}", "alpha: 16, target_modules: q_proj}"),
        "target modules as paths": ("alpha: 16}", "alpha: 16, target_modules: [self_attn.q_proj]}"),
        "target modules twice": ("alpha: 16}", "alpha: 16, target_modules: [q_proj, q_proj]}"),
        "target modules empty": ("alpha: 16}", "alpha: 16, target_modules: []}"),
        "language that is not known": ("language: ko", "language: kr"),
        "name in capitals": ("name: base,", "name: Base,"),
        "name with a space": ("name: base,", "name: my base,"),
        "name empty": ("name: base,", 'name: "",'),
        "points that are no decimal": ("points: 50", "points: 5e-7"),
        "guards in another word": ("metrics: quality,", "metrics: qualities,"),
        "limit that is a list": ("equals: 1.0", "equals: []"),
        "confidence as a share": ("equals: 1.0}", "equals: 1.0}\n  defaults: {confidence: 95%}"),
        "version newer": ("lorarun/v1", "lorarun/v2"),
        "version older": ("lorarun/v1", "lorarun/v0"),
        "version of another tool": ("lorarun/v1", "v1"),
        "kind of another tool": ("kind: Campaign", "kind: campaign"),
    },
    "keys": {
        "rank misspelt": ("rank: 8", "rnak: 8"),
        "rank by another tool's name": ("rank: 8", "lora_r: 8"),
        "alpha by another tool's name": ("alpha: 16", "lora_alpha: 16"),
        "scale": ("alpha: 16", "scale: 2.0"),
        "keys for modules": ("alpha: 16}", "alpha: 16, keys: [self_attn.q_proj]}"),
        "iters": ("epochs: 3", "iters: 600"),
        "micro_batch_size": ("epochs: 3", "epochs: 3, micro_batch_size: 1"),
        "per_device_train_batch_size": ("epochs: 3", "epochs: 3, per_device_train_batch_size: 1"),
        "lr": ("epochs: 3", "epochs: 3, lr: 2e-5"),
        "num_epochs": ("epochs: 3", "num_epochs: 3"),
        "rank outside of lora": ("lora: {rank: 8, alpha: 16}", "rank: 8"),
        "top level misspelt": ("evaluations:\n", "evaluation:\n"),
        "top level in Korean": ("seed: 19", "시드: 19"),
        "korean key in a section": ("language: ko", "언어: ko"),
        "model by another name": ("{model: qwen, dataset", "{base_model: qwen, dataset"),
        "metadata missing": ("metadata: {name: base, title: 기본 캠페인, language: ko}\n", ""),
        "split outside of splits": ("image: image\n", "image: image\n    train: train.jsonl\n"),
        "dataset key inside of splits": ("splits: {train", "splits: {facts: facts, train"),
        "name missing": ("name: base, ", ""),
        "version missing": ("apiVersion: lorarun/v1\n", ""),
        "family missing": ("family: llama, ", ""),
        "metrics missing": (", metrics: [fact_recall, anls, response_length]", ""),
        "stages as a section": ("    stages:\n", "    stages:\n      first: {}\n      rest:\n"),
        "one stage only": (
            '\n      - {id: summary, model: llama, adapter: chain-lora, prompt: "요약하라: {analysis}"}',
            "",
        ),
        "models as a list": ("models:\n  qwen: {", "models:\n  - {id: qwen, "),
        "an id in capitals": ("  llama-lora: {model", "  Llama-LoRA: {model"),
        "a number as a key": ("seed: 19", "19: seed"),
        "a list as a key": ("seed: 19", "[a]: 19"),
        "a key twice": ("seed: 19", "seed: 19\nseed: 20"),
        "a key twice in two spellings of one syllable": ("seed: 19", "vars: {\uac00: 1, \u1100\u1161: 2}"),
        "nothing but a list": (BASE, "- a\n- b\n"),
        "nothing but a text": (BASE, "캠페인\n"),
        "a section that is a number": ("seed: 19", "seed: 19\nchains: 3"),
    },
    "references": {
        "model that is not there": ("{model: qwen, dataset", "{model: qwem, dataset"),
        "data set that is not there": ("{model: qwen, dataset: images}", "{model: qwen, dataset: 이미지}"),
        "subject that is not there": ("subject: qwen-lora", "subject: qwen_lora"),
        "chain that is not there": ("{chain: 사슬,", "{chain: 사술,"),
        "stage that is not there": ("stage: summary", "stage: sumary"),
        "chain without stage": ("chain: 사슬, stage: summary", "chain: 사슬"),
        "stage without chain": ("chain: 사슬, stage: summary", "model: llama, stage: summary"),
        "start that is not there": ("start_from: llama-lora", "start_from: lama-lora"),
        "start on another model": ("start_from: llama-lora", "start_from: qwen-lora"),
        "start with another rank": ("{model: llama, dataset: pairs}", "{model: llama, dataset: pairs, lora: {rank: 4}}"),
        "start with another alpha": ("{model: llama, dataset: pairs}", "{model: llama, dataset: pairs, lora: {alpha: 32}}"),
        "start from itself": ("{model: llama, dataset: pairs}", "{model: llama, dataset: pairs, start_from: llama-lora}"),
        "start in a circle": (
            "{model: llama, dataset: pairs}",
            "{model: llama, dataset: pairs, start_from: chain-lora}",
        ),
        "stage waits for its own tune": ("adapter: qwen-lora", "adapter: chain-lora"),
        "adapter that is not there": ("adapter: qwen-lora", "adapter: qwen-lora2"),
        "adapter of another model": ("adapter: qwen-lora", "adapter: llama-lora"),
        "model of a stage's tune": ("{chain: 사슬,", "{model: qwen, chain: 사슬,"),
        "stage on a model that is not there": ("id: summary, model: llama", "id: summary, model: lama"),
        "two stages of one name": ("id: summary, model", "id: analysis, model"),
        "one name for a tune and a model": ("  llama-lora: {model", "  llama: {model"),
        "prompt misspells its stage": ('"요약하라: {analysis}"', '"요약하라: {analyis}"'),
        "prompt without a stage": ('"요약하라: {analysis}"', '"요약하라."'),
        "prompt asks for a later stage": ('"이미지를 분석하라."', '"{summary}"'),
        "prompt asks for itself": ('"요약하라: {analysis}"', '"{summary} {analysis}"'),
        "prompt missing in a later stage": (', prompt: "요약하라: {analysis}"}', "}"),
        "prompt with one brace": ('"{question}"', '"{question"'),
        "prompt with an empty name": ('"{question}"', '"질문: {}"'),
        "valid and test in one file": ("valid: valid.jsonl, test: test.jsonl}\n    prompt: \"{q", 'valid: test.jsonl, test: test.jsonl}\n    prompt: "{q'),
        "valid of one data set is test of another": ("data/pairs\n    splits: {train: train.jsonl, valid: valid.jsonl, test: test.jsonl", "data/./images/\n    splits: {train: rows.jsonl, valid: test.jsonl, test: held.jsonl"),
        "no train split": ("splits: {train: train.jsonl, valid: valid.jsonl", "splits: {valid: valid.jsonl"),
        "test split missing": (", test: test.jsonl}\n    prompt: \"다", '}\n    prompt: "다'),
        "a split of another name": ("splits: {train: train.jsonl, valid: valid.jsonl, test: test.jsonl}\n    prompt: \"{q", 'splits: {train: train.jsonl, dev: valid.jsonl, test: test.jsonl}\n    prompt: "{q'),
        "best by loss without valid": (
            'valid: valid.jsonl, test: test.jsonl}\n    prompt: "다음 글을 요약하라: {text}"\ndefaults:\n  tune: {lora: {rank: 8, alpha: 16}, train: {epochs: 3}}',
            'test: test.jsonl}\n    prompt: "다음 글을 요약하라: {text}"\ndefaults:\n  tune: {lora: {rank: 8, alpha: 16}, train: {epochs: 3, best: loss}}',
        ),
        "images for a text model": ("{model: llama, dataset: pairs}", "{model: llama, dataset: images}"),
        "an unused model": ("datasets:\n", "  gemma: {family: gemma, path: data/models/gemma}\ndatasets:\n"),
    },
    "measures": {
        "paraphrases asked of none": ("anls, response_length]", "anls, prompt_consistency]"),
        "a paraphrase with a stray brace": ("anls, response_length]", "anls, prompt_consistency], paraphrases: ['{a']"),
        "an unknown answer format": ("anls, response_length]", "anls], format: xml"),
        "metric misspelt": ("[fact_recall, anls", "[fact_recal, anls"),
        "metric without a name": ("[{name: rougeL, unit: syllable}", "[{unit: syllable}"),
        "metric named like a boolean": ("[{name: rougeL, unit: syllable}", "[{name: yes}"),
        "metric in another spelling": ("{name: rougeL,", "{name: rouge-l,"),
        "metric that is nowhere": ("[fact_recall, anls", "[bertscore, anls"),
        "metric twice": ("[fact_recall, anls", "[anls, anls"),
        "metrics empty": ("metrics: [fact_recall, anls, response_length]", "metrics: []"),
        "metrics as a text": ("metrics: [fact_recall, anls, response_length]", "metrics: fact_recall"),
        "option that is not known": ("unit: syllable", "units: syllable"),
        "option of another metric": ("[fact_recall, anls", "[{name: fact_recall, unit: word}, anls"),
        "option with another value": ("unit: syllable", "unit: letters"),
        "chain metric of a tune": ("[fact_recall, anls", "[information_retention, fact_recall, anls"),
        "facts given without a column": ("[{name: rougeL, unit: syllable}", "[{name: fact_recall, facts: given}"),
        "target without an evaluation": ("metric: image.fact_recall, min", "metric: fact_recall, min"),
        "target on an evaluation that is not there": ("metric: image.fact_recall, min", "metric: imgae.fact_recall, min"),
        "target on a metric that is not measured": ("metric: image.fact_recall, min", "metric: image.exact_match, min"),
        "target without a direction": ("metric: image.fact_recall, min", "metric: image.response_length, min"),
        "target on an operation": ("metric: image.fact_recall, min", "metric: text.failure_rate, min"),
        "target on an untuned model": ("subject: qwen-lora", "subject: qwen"),
        "target over the range": ("min_improvement: 20%}", "min_improvement: 2.5, kind: points}"),
        "target over the whole error": ("min_improvement: 20%}", "min_improvement: 120%, kind: error_reduction}"),
        "target that doubles": ("min_improvement: 20%}", "min_improvement: 150%}"),
        "target of nothing": ("min_improvement: 20%}", "min_improvement: 0%}"),
        "target judged on valid": ("dataset: images, metrics: [fact_recall, anls", "dataset: images, split: valid, metrics: [fact_recall, anls"),
        "targets of one name": ("id: chain, metric", "id: qwen, metric"),
        "target with a group's name": ("id: chain, metric", "id: guards, metric"),
        "guard that is not measured": ("metrics: quality,", "metrics: [text.chrf],"),
        "guard without a direction": ("metrics: quality,", "metrics: [image.response_length],"),
        "guard misspelt like one without a direction": ("metrics: quality,", "metrics: [image.response_lenght],"),
        "guard twice": ("metrics: quality,", "metrics: [image.anls, image.anls],"),
        "limit without a bound": ("metric: memory.peak, max: 20GB", "metric: memory.peak"),
        "limit in another unit": ("metric: memory.peak, max: 20GB", "metric: memory.peak, max: 20"),
        "limit as a size on a share": ("equals: 1.0}", "equals: 1GB}"),
        "limit on what is nowhere": ("metric: memory.peak, max", "metric: memory.peek, max"),
        "limit on what is not measured": ("metric: determinism, equals", "metric: consistency, equals"),
        "limit with crossed bounds": ("metric: determinism, equals: 1.0", "metric: determinism, min: 0.9, max: 0.5"),
        "limit with equals and max": ("equals: 1.0}", "equals: 1.0, max: 1.0}"),
        "targets that are a number": ("  targets:\n    - {id: qwen, title: 이미지 분석 정확도 15%↑, metric: image.fact_recall, min_improvement: 15%}\n    - {id: chain, metric: chain.fact_recall, min_improvement: 20%}\n", "  targets: 7\n"),
        "limit in words": ("metric: memory.peak, max: 20GB", "metric: memory.peak, max: 4 gigs"),
        "limit over the memory limit": ("metric: memory.peak, max: 20GB", "metric: memory.peak, max: 30GB"),
        "memory limit of zero in acceptance": ("metric: memory.peak, max: 20GB", "metric: memory.peak, max: 0GB"),
        "field that is not measured": ("qwen_accuracy: image.fact_recall", "qwen_accuracy: image.chrf"),
        "field with an ending": ("qwen_accuracy: image", "qwen_accuracy_after: image"),
        "field with a hyphen": ("qwen_accuracy: image", "qwen-accuracy: image"),
        "score that does not add up": ("target: 333.3", "target: 333.4"),
        "pillar with a check that is nowhere": ("requires: [qwen, chain]", "requires: [qwen, chains]"),
        "pillar with too high a need": ("requires: [qwen, chain]", "requires: [qwen, chain], need: 3"),
        "pillars of one name": ("id: goodness", "id: truth"),
    },
    "suspicious": {
        "scale of twenty": ("alpha: 16", "alpha: 160"),
        "scale of nearly nothing": ("alpha: 16", "alpha: 0.1"),
        "learning rate 2e-2": ("epochs: 3", "epochs: 3, learning_rate: 2e-2"),
        "learning rate 2e-9": ("epochs: 3", "epochs: 3, learning_rate: 2e-9"),
        "epochs 300": ("epochs: 3", "epochs: 300"),
        "dropout with a shared prefix": ("alpha: 16}, train: {", "alpha: 16, dropout: 0.1}, train: {share_prefix: true, "),
        "much dropout": ("alpha: 16}", "alpha: 16, dropout: 0.8}"),
        "all warm-up": ("epochs: 3", "epochs: 3, max_updates: 10, warmup_updates: 10"),
        "random answers": ("anls, response_length]", "anls, response_length], generate: {temperature: 0.7}"),
        "no memory limit": ("limits: {memory: 20GB}\nmodels", "models"),
        "memory limit of a phone": ("limits: {memory: 20GB}\nmodels", "limits: {memory: 20MB}\nmodels"),
        "dependency without a campaign": ("language: ko", "language: ko, depends_on: [{required: true}]"),
        "dependency named like a boolean": ("language: ko", "language: ko, depends_on: [{campaign: y}]"),
        "depends on itself": ("language: ko", "language: ko, depends_on: [base]"),
        "image mark of other tools": ('"{question}"', '"<image>{question}"'),
    },
    "yaml": {
        "norway": ("title: 기본 캠페인", "title: no"),
        "octal": ("seed: 19", "seed: 019"),
        "base sixty": ("title: 기본 캠페인", "title: 12:30"),
        "date": ("title: 기본 캠페인", "title: 2024-01-01"),
        "date that is none": ("title: 기본 캠페인", "title: 2024-13-45"),
        "not a number": ("rank: 8", "rank: .nan"),
        "infinity": ("rank: 8", "rank: 1e999"),
        "separators": ("seed: 19", "seed: 1_000"),
        "hexadecimal": ("seed: 19", "seed: 0x13"),
        "tag": ("seed: 19", "seed: !!python/object/apply:os.system [echo hi]"),
        "merge key": ("{model: llama, dataset: pairs}", "{<<: {model: llama}, dataset: pairs}"),
        "full-width colon": ("seed: 19", "seed：19"),
        "full-width space": ("seed: 19", "seed:　19"),
        "colon in a text": ("title: 기본 캠페인, ", "title: 캠페인: 기본, "),
        "open bracket": ("splits: {train: train.jsonl, valid: valid.jsonl, test: test.jsonl}\n    prompt: \"{q", 'splits: {train: train.jsonl\n    prompt: "{q'),
        "open quote": ('"{question}"', '"{question}'),
        "tab for indent": ("  qwen: {family", "\tqwen: {family"),
        "merge conflict": ("seed: 19", "<<<<<<< HEAD\nseed: 19\n=======\nseed: 20\n>>>>>>> 다른-가지"),
        "two documents": ("seed: 19", "---\nseed: 19"),
        "alias without an anchor": ("seed: 19", "seed: *zahl"),
        "alias of itself": ("seed: 19", "vars: &a {x: *a}"),
        "control character": ("기본 캠페인", "기본\x07캠페인"),
        "escaped null": ("title: 기본 캠페인", 'title: "기본\\0"'),
        "empty": (BASE, ""),
        "comments only": (BASE, "# 주석뿐\n"),
        "too deep": ("seed: 19", "seed: " + "[" * 80 + "]" * 80),
        "bom": ("apiVersion", "\ufeffapiVersoin"),
    },
    "reuse": {
        "variable that is not there": ("rank: 8", "rank: '${vars.rank}'"),
        "variable in a text": ("title: 기본 캠페인", "title: '캠페인 ${vars.이름}'"),
        "variable in braces without quotes": ("rank: 8", "rank: ${vars.rank}"),
        "variable that is a list": ("seed: 19", "vars: {x: [1]}"),
        "variable out of bounds": ("rank: 8, alpha: 16}, train: {epochs: 3}}", "rank: '${vars.rank}', alpha: 16}}\nvars: {rank: 0}"),
        "variable not used": ("seed: 19", "vars: {랭크: 8}"),
        "include without a project": ("seed: 19", "include: [shared.yaml]"),
        "include as a text": ("seed: 19", "include: shared.yaml"),
        "axis that is none": ("{model: llama, dataset: pairs}", "{model: llama, dataset: pairs, matrix: {axes: {rank: [4, 8]}, select: {metric: rougeL}}}"),
        "axis value out of bounds": ("{model: llama, dataset: pairs}", "{model: llama, dataset: pairs, matrix: {axes: {lora.rank: [4, 0]}, select: {metric: rougeL}}}"),
        "axis value twice": ("{model: llama, dataset: pairs}", "{model: llama, dataset: pairs, matrix: {axes: {lora.rank: [4, 4]}, select: {metric: rougeL}}}"),
        "matrix without select": ("{model: llama, dataset: pairs}", "{model: llama, dataset: pairs, matrix: {axes: {lora.rank: [4, 8]}}}"),
        "matrix chosen by a metric without a name": ("{model: llama, dataset: pairs}", "{model: llama, dataset: pairs, matrix: {axes: {lora.rank: [4, 8]}, select: {metric: {unit: word}}}}"),
        "matrix chosen by nothing": ("{model: llama, dataset: pairs}", "{model: llama, dataset: pairs, matrix: {axes: {lora.rank: [4, 8]}, select: {metric: response_length}}}"),
        "matrix that excludes nothing": ("{model: llama, dataset: pairs}", "{model: llama, dataset: pairs, matrix: {axes: {lora.rank: [4, 8, 16]}, exclude: [{lora.rank: 32}], select: {metric: rougeL}}}"),
        "matrix too large": ("{model: llama, dataset: pairs}", "{model: llama, dataset: pairs, matrix: {axes: {lora.rank: [1, 2, 3, 4, 5, 6, 7, 8, 9], train.epochs: [1, 2, 3, 4, 5, 6, 7, 8, 9]}, select: {metric: rougeL}}}"),
    },
}  # fmt: skip


def broken(group: str, name: str) -> str:
    """The text of one broken spec."""
    part, instead = EDITS[group][name]
    assert BASE.count(part) >= 1, (name, part)
    return BASE.replace(part, instead, 1)

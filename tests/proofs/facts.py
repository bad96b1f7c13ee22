# SPDX-License-Identifier: BSD-2-Clause
"""Facts about 64-bit words, from ACSL to SMT-LIB.

A fact is an axiom of word_fields.h: `axiom NAME: \\forall TYPE v, w; A ==> B;` over mathematical
integers. It becomes a formula over bit vectors of 128 bits, in which nothing overflows: variables
are below 2^64, and what a fact adds or multiplies is a sum of a word's fields. The operators mean
there what they mean in ACSL, for division since nothing that is divided is negative.
"""

import ast
import re
from dataclasses import dataclass

BITS = 128
WIDTHS = {"uint32_t": 32, "uint64_t": 64}
OPERATORS = {ast.BitAnd: "bvand", ast.BitOr: "bvor", ast.Add: "bvadd", ast.Sub: "bvsub",
             ast.Mult: "bvmul", ast.Div: "bvudiv", ast.Mod: "bvurem", ast.LShift: "bvshl",
             ast.RShift: "bvashr", ast.Eq: "=", ast.NotEq: "distinct", ast.LtE: "bvsle",
             ast.Lt: "bvslt", ast.Gt: "bvsgt", ast.GtE: "bvsge", ast.And: "and", ast.Or: "or"}


@dataclass
class Fact:
    name: str
    variables: dict         # name: width
    premises: list
    claim: str
    functions: dict         # name: (parameter, body)


def read_facts(text):
    functions = {name: (parameter, body) for name, parameter, body in
                 re.findall(r"logic integer (\w+)\(integer (\w+)\) =\s*(.*?);", text, re.S)}
    facts = []
    for name, width, names, body in re.findall(
            r"axiom (\w+):\s*(?:\\forall (\w+) ([\w, ]+);)?(.*?);", text, re.S):
        variables = {v: WIDTHS[width] for v in names.replace(",", " ").split()}
        *premises, claim = re.split(r"(?<!<)==>", body)
        facts.append(Fact(name, variables, premises, claim, functions))
    if not facts or text.count("axiom ") != len(facts):
        raise ValueError(f"{len(facts)} facts understood of {text.count('axiom ')}")
    return facts


def to_smt(fact):
    """SMT-LIB text that is unsatisfiable if the fact holds."""
    lines = ["(set-logic QF_BV)"]
    lines += [f"(declare-const {v} (_ BitVec {width}))" for v, width in fact.variables.items()]
    words = {v: f"((_ zero_extend {BITS - width}) {v})" for v, width in fact.variables.items()}
    lines += [f"(assert {formula(p, words, fact.functions)})" for p in fact.premises]
    lines += [f"(assert (not {formula(fact.claim, words, fact.functions)}))", "(check-sat)"]
    return "\n".join(lines) + "\n"


def formula(text, words, functions):
    # Casts become calls, logical operators Python's.
    text = re.sub(r"\((u?int\d+_t)\)", r"\1", text)
    text = text.replace("&&", " and ").replace("||", " or ").replace("<==>", "==")
    return translate(ast.parse(" ".join(text.split()), mode="eval").body, words, functions)


def translate(node, words, functions):
    def of(child):
        return translate(child, words, functions)

    if isinstance(node, ast.Constant):
        return f"(_ bv{node.value} {BITS})"
    if isinstance(node, ast.Name):
        return words[node.id]
    if isinstance(node, ast.BinOp):
        return f"({OPERATORS[type(node.op)]} {of(node.left)} {of(node.right)})"
    if isinstance(node, ast.BoolOp):
        return f"({OPERATORS[type(node.op)]} {' '.join(map(of, node.values))})"
    if isinstance(node, ast.Compare):
        sides = [of(side) for side in (node.left, *node.comparators)]
        parts = [f"({OPERATORS[type(op)]} {left} {right})"
                 for op, left, right in zip(node.ops, sides, sides[1:])]
        return f"(and {' '.join(parts)})" if len(parts) > 1 else parts[0]
    if isinstance(node, ast.Call):
        return call(node.func.id, of(node.args[0]), functions)
    raise ValueError(f"no translation for {ast.dump(node)}")


def call(name, argument, functions):
    cast = re.fullmatch(r"(u?)int(\d+)_t", name)
    if cast:
        width = int(cast[2])
        extend = "zero_extend" if cast[1] else "sign_extend"
        return f"((_ {extend} {BITS - width}) ((_ extract {width - 1} 0) {argument}))"
    parameter, body = functions[name]
    return formula(body, {parameter: argument}, functions)

"""What the lines of well-kept source look like, a language at a time.

In: nothing. Out: the `Style`s that entries of the table of grammars name. The patterns are verbose regular expressions.
"""

from __future__ import annotations

from perflab.chunk.languages.syntax import Style

__all__ = ["ECMASCRIPT", "PYTHON"]

PYTHON = Style(
    quoted=rb"""
        '\"\"\"' | \"'''\"
        | \"\"\" (?: [^\"\\]++ | \\. | \"(?!\"\") )*+ (?: \"\"\" | \Z )
        | '''    (?: [^'\\]++  | \\. | '(?!'')    )*+ (?: '''    | \Z )
        | \#[^\n]*+
    """,
    head=rb"""
        (?: async [ \t]+ )? def [ \t]+ (?P<function>\w+) (?= [ \t]* [(\[] (?! [ \t]* : ) )
        | class [ \t]+ (?P<class>\w+)
    """,
    lead=rb"@",
    comment=rb"\#[^\n]*+",
    going_on=rb"[)\]}] | (?: else | elif | except | finally ) \b",
    body=rb": [ \t]* (?: \#[^\n]* )? \r?\n",
    broken=rb"(?: def | class ) \b",
    unfinished=(b":", b",", b"(", b"[", b"{", b"\\"),
)

_NAME = rb"[\w$]+"
_COMMENT = rb"// [^\n]*+ | /\* [^*]*+ (?: \*(?!/) [^*]*+ )*+ (?: \*/ | \Z )"
_FUNCTION = rb"""
    (?=
        \s* (?: : [^=\n]+ )? = \s* (?: async \s* )?
        (?: function\b | class\b | NAME \s* => | (?: < [^\n(]* > )? \( [^\n]* => | \( [^)\n]* \r?\n )
    )
""".replace(b"NAME", _NAME)  # what follows the name that a function is bound to
ECMASCRIPT = Style(
    quoted=_COMMENT + rb"| ` (?: [^`\\]++ | \\. )*+ (?: ` | \Z ) | '`' | \"`\"",
    head=rb"""
        (?: (?: export | default | declare | async | abstract ) \s+ )*
        (?:
            class\b \s* (?P<class> (?!extends\b) NAME | (?= extends\b | \{ ) )
            | interface \s+ (?P<interface> NAME )
            | (?: const \s+ )? enum \s+ (?P<enum> NAME )
            | (?: namespace | module ) \s+ (?P<namespace> [\w$.]+ | \"[^\"\n]*\" | '[^'\n]*' )
            | type \s+ (?P<type> NAME ) \s* [<=]
            | function\b \s* \*? \s* (?P<function> NAME | (?=\() )
            | (?: const | let | var ) \s+ (?P<class_2> NAME ) (?= \s* = \s* class\b )
            | (?: const | let | var ) \s+ (?P<function_2> NAME ) FUNCTION
            | (?P<function_3> [\w$.]+ ) FUNCTION
        )
    """.replace(b"NAME", _NAME).replace(b"FUNCTION", _FUNCTION),
    member=rb"""
        (?: (?: public | private | protected | static | readonly | override | abstract | async | declare | get | set )
            \s+ )*
        \*? \s* (?! (?: if | for | while | switch | catch | function | return | with | new ) \b )
        (?P<method> [\w$\#]+ | \[ [^\]\n]+ \] )
        (?: \?? \s* (?: < [^\n(]* > )? \( | FUNCTION )
    """.replace(b"FUNCTION", _FUNCTION),
    lead=rb"@[\w$]",
    comment=_COMMENT,
    going_on=rb"[)\]}{*?:.&|+>] | (?: else | catch | finally ) \b",
    body=rb"\{ [ \t]* (?: //[^\n]* )? \r?\n",
    broken=rb"""
        (?: export | class | function ) \b
        (?!
            [^\n]* \b from \b | [ ]* [{*=]
            | [ ]+ (?: default | import | as | const | let | var | type | declare ) \b
        )
    """,
    unfinished=(b"{", b"(", b"[", b",", b"=", b"=>"),
    holders=frozenset({"class", "interface"}),
)

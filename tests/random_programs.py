"""Write random programs over the whole public surface of the engine, right and wrong: lists of statements.

They are written by a grammar of templates. `transcripts.py` says which names they may use, and what is written down of
each statement.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from reference import ROWS


def phrases(text: str) -> list[str]:
    """Return the phrases of a text: they are separated by two spaces or more, or by the end of a line.

    >>> phrases("v0 + 1  v0 - 1")
    ['v0 + 1', 'v0 - 1']
    """
    return re.split(r"\s*\n\s*|\s{2,}", text.strip())


NUMBERS = phrases("""
    0.0  -0.0  1.0  -1.0  2.0  -2.0  0.5  3.0  -0.75  1e-3  math.pi  20.0  math.inf  -math.inf  math.nan  5e-324  1e-310
    -1e308  1e308  1e200  1e-200  0  1  2  -1  3  10**300  2**53 + 1  True  False  Fraction(1, 3)  Fraction(-7, 2)
    Whole(3)  Half(0.25)  np.float64(0.5)  np.float32(0.1)  np.int64(3)  np.bool_(True)  np.array(1.5)  np.uint8(200)
    np.float64('nan')  np.longdouble(0.5)  np.float16(2)
""")
"""Operands that are numbers, some of them of types that have to be converted. The first twelve are ordinary floats."""

WRONG = phrases("""
    None  '1.5'  b'1'  1j  [1.0]  (1.0, 2.0)  {}  {'a': 1}  set()  range(3)  Decimal('1.5')  ...  NotImplemented
    10**400  -10**400  Fraction(10**400)  Unsound(3)  Stranger()  Stranger  object  Partner()  nn.Neuron(1)  iter([])
    np.array([1.0, 2.0])  np.array([])  np.array([[1]])  np.datetime64('2020-01-01')  np.array(['a', 'b'])
    np.timedelta64(3, 's')  np.complex128(1j)  np.array('a')  np.array(None)  memoryview(b'1')  bytearray(b'1')  float
    len  ag.tanh  print  (x for x in [1.0])  'x' * 200  '\\ud800'  '\\x00\\n'
""")
"""Operands that are none, or answer for themselves."""

LABELS = phrases("""
    None  ''  'x'  'loss'  '\\n'  '\\ud800'  'a|b'  'é' * 30  Label('own')  Label('')  np.str_('n')  7  b'x'  ['x']  1.5
    True  Stranger()  v0  ()  set()  0
""")
"""Labels, and what is none; the first four are ordinary."""

ATTRIBUTES = phrases("""
    data  grad  label  op  args  _prev  _op  _backward  tanh  backward  __dict__  foo  bar  real  imag  item  m
    velocity  shape  requires_grad  T  numpy  color  _grad_fn  children  name  value  detach  dtype  grad_fn  id  relu
    exp  sum  dot
""")

# Templates. $x and $y are Values, the same wherever they stand in a template; all other signs are chosen anew: $v a
# Value, $o an operand, $n a number, $w a wrong operand, $a an attribute, $k a label, $s a sign, $m the name of a
# special method, $1, $2, $3 a row with so many operands, and these in parentheses unless the template has its own, $l a
# list or the like, $d two of them for `dot`, $p a protocol of pickle, $e another expression.

EXPRESSIONS: list[tuple[int, list[str]]] = [
    (28, phrases("($o) $s $v  $v $s ($o)  $v $s $v")),
    (24, phrases("ag.$1  ag.$1  $v.$1()  $v.$1()  -$v  abs($v)  +$v  ops.$1")),
    (18, phrases("ag.$2  ag.$3  ag.$2  $v.$2  $v.$3  ag.where($v, $o, $o)  ag.clip($v, $n, $n)")),
    (
        6,
        phrases("""
            $v.clip(low=$o)  ag.clip($v, high=$o)  ag.clip($v, None, $o)  $v.clip(low=None, high=None)  $v.clip()
            ag.leaky_relu($v)  $v.leaky_relu(slope=$o)  ag.elu($v, alpha=$o)  $v.elu()  ag.elu($v, slope=1)
            ag.where($x > 0, $v, $o)  ag.where(True, $v, 1)  ag.where(c=$v, x=$v, y=$o)  $v.where($o, $v)
            ag.atan2(y=$v, x=$o)  $v.max($o)  $v.min($v)
        """),
    ),
    (
        18,
        phrases("""
            ag.sum($l)  ag.sum($l)  ag.dot($d)  ag.dot($d)  ag.largest($l)  ag.smallest($l)  ag.max($l)  ag.min($l)
            ag.max($o, $v, $o)  ag.min($v, $o, $v, $o)  ag.max($l, default=$o)  ag.max([], default=$o)
            ag.max($x, key=abs)  sum($l)  max($l)  sorted($l)  ag.mean($l)  ag.softmax($l)  ag.logsumexp($l)
            ag.sum([$v] * 200)  ag.sum($o)  ag.dot($l)  ag.dot($l, $l)  $v.sum([1])  ag.sum($v, $v)  ag.sum()
            ag.largest($v, $v)  ag.sum(values=$l)
        """),
    ),
    (
        8,
        phrases("""
            $x.__$m__($o)  $x.__r$m__($n)  operator.$m($x, $o)  operator.$m($o, $x)
            divmod($x, $o)  divmod($o, $x)  pow($x, $o)  pow($o, $x)  $x.__neg__()  $x.__abs__()
        """),
    ),
    (
        5,
        phrases("""
            np.tanh($v)  np.exp($v)  np.sign($v)  np.cbrt($v)  np.square($v)  np.isnan($v)  np.add($v, $o)
            np.maximum($v, $o)  np.hypot($v, $o)  np.power($o, $v)  np.less($v, $o)
            np.tanh(np.array([$v, $o, 2], dtype=object))  np.array([$v, $o], dtype=object) * $v
            $v - np.array([$v, 1], dtype=object)  np.array([1.0, 2.0]) / $v  np.array([$v, 2]) @ np.array([$v, 3])
            np.sum(np.array([$v, $v]))  $v ** np.array([1, 2])  np.float64(2) * $v  np.float32(2) - $v
            np.array($v).shape  np.array([$v], dtype=float)  np.float64($v)  np.sort(np.array([$v, $v]))
        """),
    ),
    (
        9,
        phrases("""
            $x < $o  $x <= $o  $x > $o  $x >= $o  $o < $x  $o >= $x  $x == $o  $x != $o  $o == $x  $x in [$o, $x]
            $x is $v  hash($x) == hash($x)  bool($x)  not $x  float($x)  int($x)  complex($x)  round($x)  round($x, 1)
            math.floor($x)  math.ceil($x)  math.trunc($x)  f'{$x:.3f}'  f'{$x}'  f'{$x:s}'  format($x, 5)  '%s' % $x
            '%f' % $x  repr($x)  str($x)  [1, 2, 3][$x]  range($x)  operator.index($x)  $x()  $x[0]  len($x)  list($x)
            $x @ $o  $x & $o  ~$x  $x << 1  math.tanh($x)  math.fsum([$x])  max($x, $o)  min($o, $x)  sorted([$x, $o])
            isinstance($x, Value)  $x and $o  $x < $o < $x  {$x: 1}[$x]  ascii($x)  $x.__eq__($o)  $x.__lt__($o)
            $x.__ne__($o)  $x.__bool__()  type($x) is Value  callable($x)  '-'.join($x)  str($x).encode()
            $x.__index__()  $x.__format__('')
        """),
    ),
    (
        7,
        phrases("""
            $x.$a  hasattr($x, '$a')  getattr($x, '$a', 5)  $x.args  $x._prev  $x._op  $x.op  $x.label  $x.data  $x.grad
            '$a' in dir($x)  [v is w for v, w in zip($x._prev, $x._prev)]  $x.op.symbol if $x.op else 0
            hasattr(Value, '$a')  $x._prev[0].grad if $x._prev else 0  [v.grad for v in $x._prev]  $x.__class__ is Value
            setattr($x, '$a', $o)  setattr($x, '$a', None)  $x.__setattr__('$a', 2.0)  $x.__doc__ == Value.__doc__
        """),
    ),
    (
        12,
        phrases("""
            Value($o)  Value($w)  Value($n)  Value($n, $k)  Value($n, label=$k)  Value(data=$n)  Value($n, (), $k)
            Value()  Value($n, (), '', $k)  Value($n, $k, label=$k)  Value($n, ($v,), '*')  Value(1, _op='+')
            Value(1, _children=($v,))  Value(1, name='a')  Value(1, requires_grad=True)  Value(1, lable='x')
            Value(1, grad=2)  Value(label='x')  Value(1, 'x', '', 'y', 'z')  Value(1, data=2)
            Value(1, prev=(), label='x')  Value(1, label='x', dtype=float)  Value(1, None, label=None)
            Value(1, [], label='w')  type($x)($n)  Value(1, {}, '')  Value(1, $k, 'x')  type('Mine', (Value,), {})
        """),
    ),
    (
        5,
        phrases("""
            copy.copy($x)  copy.deepcopy($x)  copy.deepcopy([$x, $v])  copy.deepcopy({'a': $x, 'b': [$x]})
            pickle.loads(pickle.dumps($x, $p))  pickle.loads(pickle.dumps(($x, $v), $p))  copy.deepcopy($x, {})
            pickle.loads(pickle.dumps([$x.op, $x], $p))  pickle.loads(pickle.dumps($x.args, $p))
            [type(y).__name__ for y in $x.__reduce__()]  $x.__reduce_ex__($p)[0].__name__
        """),
    ),
    (
        6,
        phrases("""
            grad($y, $x)  grad($y, [$x, $v])  grad(grad($y, $x), $x)  grad($y, ($x, [$v]))  grad($y, $o)  grad($o, $x)
            ag.jacobian([$y, $v], [$x])  ag.hessian($y, [$x, $v])  ag.jvp([$y], [$x], [1.0])  ag.hvp($y, [$x], [2])
            ag.grad(lambda x: x * $x + x.tanh())(0.5)  ag.value_and_grad(lambda x: x ** 2)($o)
            ag.grad(lambda x: x > 0)($x)  ag.hessian(lambda xs: xs[0] * xs[1] ** 2)([1.0, 2.0])
            ag.grad(lambda x, w: x / w, 1)($x, $v)  ag.jacobian(lambda x: [x, x * $v, 2.0])($n)
            ag.vjp(lambda x: x.exp(), 1.5)[1](2.0)  grad($x * $y, $x) is $y
            ag.jvp(lambda x: ag.sin(x) * $v, (0.5,), (1.0,))  ag.grad(ag.grad(lambda x: x ** 3 * $v))($x)
            engine.local_gradients($y)  graph_of($y, $x)  graph_of($o)  ag.stop_gradient($y) * $x  faux_gradient($y, $x)
            engine.numbers_of($y.args)
        """),
    ),
    (
        6,
        phrases("""
            $v.$1($o)  ag.$1($o, $o)  ag.$2($o)  ag.$3($o, y=$o)  ag.$1(x=$v)  ag.$1(foo=$v)  ag.$1($v, dim=0)
            ag.$2(x=$v, y=$o)  $v.$2($o, $o)  $v.max()  $v.max(1, 2, $v)  ag.max()  ag.dot()  ag.where($v)
            $v.clip(1, 2, 3)  ag.$1()  ag.$2()
        """),
    ),
    (4, phrases("$x * 2 if $x < $o else $x * 5  max($x, $o) * 3  min([$x, $v])  sorted([$x, $v, $o])[0]")),
]
"""Expressions, each kind with its weight."""

STATEMENTS: list[tuple[int, list[str]]] = [
    (
        12,
        phrases("""
            $v.backward()  $v.backward()  $v.backward()  $v.backward($n)  $v.backward(seed=$n)  $v.backward($w)
            $v.backward($v)  $v.backward(1, 2)  $v.backward(gradient=1.0)
        """),
    ),
    (
        11,
        phrases("$v.data = $n  $v.data = $n  $v.data = $o  $v.grad = $n  $v.grad = $o  $v.grad = None  $v.label = $k"),
    ),
    (9, phrases("$v.forward()  $v.forward()  $v.forward(1)  $v.zero_grad()  $v.zero_grad(True)  $v._backward()")),
    (3, phrases("$v.$a = $o  del $v.$a  $x += $o  $x *= $o  $x -= $v  $x /= $o  $x **= $n  $x %= $o  $x //= $o")),
    (
        6,
        phrases("""
            with telling(): $v.backward()  with telling(): $v.forward()  with telling(): $e  with telling(): $e
            with telling('recorded', 'differentiated'): grad($v, $v)  with refusing('recorded'): $e
            with refusing('pulled'): $v.backward()  with refusing('replayed'): $v.forward()
            with refusing('compared'): $e
        """),
    ),
    (
        3,
        phrases("with ag.detect_anomaly(): $e  with ag.detect_anomaly(): $v.backward()"),
    ),
    (
        2,
        phrases("""
            ag.to_text($v)  str(explain($v))  formula($v)  check_gradients($v, [$v])  ag.compile($v, [$v])([$n])
            ag.draw($v).source  explain($v, $v)  ag.compile(($y, grad($y, $x)), [$x]).source
        """),
    ),
]
"""Statements, each kind with its weight."""

LISTS = phrases("""
    [$o]  [$o]  [$o]  ($o,)  (x for x in [$o])  iter([$o])  {i: x for i, x in enumerate([$o])}.values()
    map(lambda x: x, [$o])  np.array([$o], dtype=object)
""")
"""What gives several operands; $o stands for all of them."""

USERS_ROWS = [
    ("cube", 1, "Op('cube({})', lambda x: x * x * x, lambda g, z, x: g * 3 * x * x)"),
    ("cube", 1, "Op('cube({})', lambda x: x ** 3, lambda g, z, x: g * 3.5 * x * x)"),
    ("whole", 1, "Op('whole({})', lambda x: 3, lambda g, z, x: 2)"),
    ("nothing", 1, "Op('nothing({})', lambda x: None, lambda g, z, x: g)"),
    ("no_rule", 1, "Op('no_rule({})', lambda x: x + 1, None)"),
    ("no_pull", 1, "Op('no_pull({})', lambda x: x + 1, lambda g, z, x: None)"),
    ("text", 1, "Op('text({})', lambda x: x, lambda g, z, x: 'g')"),
    ("huge", 1, "Op('huge({})', lambda x: 10 ** 400, lambda g, z, x: 10 ** 400)"),
    ("fails", 1, "Op('fails({})', lambda x: 1 / x, raising)"),
    ("fails", 2, "Op('fails({}, {})', lambda x, y: x, lambda g, z, x, y: g, raising)"),
    ("breaks", 1, "Op('breaks({})', raising, lambda g, z, x: g)"),
    ("first", 2, "Op('first({}, {})', lambda x, y: x - 0 * y, lambda g, z, x, y: g, None)"),
    ("second", 2, "Op('second({}, {})', lambda x, y: y, None, lambda g, z, x, y: np.float64(g))"),
    ("three", 3, "Op('three({}, {}, {})', lambda x, y, w: x * y + w, *[lambda g, z, x, y, w: g * y] * 3)"),
    ("four", 4, "Op('four({}, {}, {}, {})', lambda *xs: xs[3], *[lambda g, z, a, b, c, d: g * a] * 3, None)"),
    ("total", 0, "Op('total([{}])', lambda *xs: ag.sum(xs), lambda g, z, *xs: [g] * len(xs), variadic=True)"),
    ("last", 0, "Op('last([{}])', lambda *xs: xs[-1], lambda g, z, *xs: [None] * (len(xs) - 1) + [g], variadic=True)"),
    ("short", 0, "Op('short([{}])', lambda *xs: 1.0, lambda g, z, *xs: [g], variadic=True)"),
    ("odd", 0, "Op('odd([{}])', lambda *xs: len(xs), lambda g, z, *xs: iter([1] * len(xs)), variadic=True)"),
    ("pairs", 0, "Op('pairs([{}], [{}])', lambda *xs: 1.0, raising, variadic=True)"),
    ("add", 2, "Op('add({}, {})', lambda x, y: x, lambda g, z, x, y: g, lambda g, z, x, y: g)"),
    ("data", 1, "Op('data({})', lambda x: x, lambda g, z, x: g)"),
    ("backward", 1, "Op('backward({})', lambda x: x, lambda g, z, x: g)"),
    ("at", 2, "Op('{} @ {}', lambda x, y: x * y, *[lambda g, z, x, y: g * y] * 2, name='at', method='__matmul__')"),
    ("inverse", 1, "Op('~{}', lambda x: 1 - x, lambda g, z, x: -g, name='inverse', method='__invert__')"),
    ("scaled", 2, "Op('scaled({}, {})', lambda x, y: x, lambda g, z, x, y: g, None, arrange=lambda x, y=2: (x, y))"),
    ("velocity", 1, "Op('velocity({})', lambda x: x * 2, lambda g, z, x: g * 2)"),
    ("wrong", 1, "Op('wrong({})', lambda x: x)"),
    ("wrong", 1, "Op('wrong({})', lambda x: x, lambda g: g)"),
    ("wrong", 1, "Op('not a name', 3, 4)"),
    ("wrong", 1, "Op()"),
    ("slow", 1, "Op('slow({})', lambda x: ag.tanh(x) * 2, lambda g, z, x: g * (2 - z * z / 2), kink=lambda x: x)"),
    ("smooth", 1, "Op('smooth({})', lambda x: ag.where(x, x, 0.1 * x), lambda g, z, x: ag.where(x, g, g * 0.1))"),
]  # fmt: skip
"""Rows that a program may add: the name, the number of operands, 0 for any, and the expression."""

_NAMES = {count: [op.name for op in ROWS if op.arity == count] for count in (1, 2, 3)}


class _Writer:
    """Writes one program."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.count = 0  # of Values: v0, v1, ...
        self.rows: dict[str, int] = {}  # those that the program adds, with their number of operands
        self.signs: dict[str, Callable[[], str]] = {
            "v": self.value,
            "o": self.operand,
            "n": lambda: rng.choice(NUMBERS),
            "w": lambda: rng.choice(WRONG),
            "a": lambda: rng.choice(ATTRIBUTES),
            "k": lambda: rng.choice(LABELS),
            "s": lambda: rng.choice(["+", "-", "*", "/", "**", "%", "//"]),
            "m": lambda: rng.choice(["add", "sub", "mul", "truediv", "pow", "mod", "floordiv"]),
            "p": lambda: str(rng.randrange(6)),
            "l": self.listed,
            "d": self.two_lists,
            "e": self.expression,
        }

    def value(self) -> str:
        """Return the name of a Value, rather a recent one."""
        first = max(0, self.count - 4) if self.rng.random() < 0.5 else 0
        return f"v{self.rng.randrange(first, self.count)}"

    def operand(self) -> str:
        at = self.rng.random()
        return self.value() if at < 0.65 else self.rng.choice(NUMBERS) if at < 0.97 else self.rng.choice(WRONG)

    def operands(self, count: int) -> list[str]:
        """Return operands, most often with a Value among them."""
        found = [self.operand() for _ in range(count)]
        if found and self.rng.random() < 0.9:
            found[self.rng.randrange(count)] = self.value()
        return found

    def listed(self, count: int | None = None) -> str:
        count = self.rng.choice([0, 1, 2, 2, 3, 3, 4, 5, 9]) if count is None else count
        operands = ", ".join(self.operands(count))
        return self.rng.choice(LISTS).replace("$o,)", f"{operands}{',' if count == 1 else ''})").replace("$o", operands)

    def two_lists(self) -> str:
        count = self.rng.choice([0, 1, 2, 3, 6])
        return f"{self.listed(count)}, {self.listed(count if self.rng.random() < 0.9 else count + 1)}"

    def written(self, template: str) -> str:
        """Return a template with its signs replaced."""
        fixed = {"x": self.value(), "y": self.value()}

        def replaced(found: re.Match[str]) -> str:
            before, sign, after = found.groups()
            if sign in fixed:
                return f"{before}{fixed[sign]}{after}"
            if not sign.isdigit():
                return f"{before}{self.signs[sign]()}{after}"
            name = self.rng.choice(_NAMES[int(sign)])
            if after:  # the template has the operands
                return f"{before}{name}{after}"
            operands = self.operands(int(sign))
            if before == "Value.":
                operands[0] = self.value()
            return f"{before}{name}({', '.join(operands[before.startswith('v') :])})"

        template = template.replace("$v.$", f"{self.value()}.$")
        return re.sub(r"((?:v\d+|ag|ops|Value)\.|)\$(\w)(\(?)", replaced, template)

    def chosen(self, kinds: list[tuple[int, list[str]]]) -> str:
        (_, templates), *_ = self.rng.choices(kinds, [weight for weight, _ in kinds])
        return self.written(self.rng.choice(templates))

    def expression(self) -> str:
        return self.row() if self.rng.random() < 0.04 else self.chosen(EXPRESSIONS)

    def row(self) -> str:
        """Return an expression that adds a row, or calls one."""
        if not self.rows or self.rng.random() < 0.3:
            name, self.rows[name], definition = self.rng.choice(USERS_ROWS)
            return definition
        name, count = self.rng.choice(list(self.rows.items()))
        if not count:
            return f"TABLE['{name}']({self.listed()})"
        if self.rng.random() < 0.3:
            return f"{self.value()}.{name}({', '.join(self.operands(count - 1))})"
        return f"TABLE['{name}']({', '.join(self.operands(count))})"

    def program(self, length: int) -> list[str]:
        """Return a program that begins with a few leaves and ends with a gradient of all that it made."""
        lines = []
        for _ in range(self.rng.randint(1, 3)):
            lines.append(f"v{self.count} = Value({self.rng.choice(NUMBERS[:12])}, {self.rng.choice(LABELS[:4])})")
            self.count += 1
        for _ in range(length):
            if self.rng.random() < 0.7:
                lines.append(f"v{self.count} = {self.expression()}")
                self.count += 1
            else:
                lines.append(self.chosen(STATEMENTS))
        names = ", ".join(f"v{i}" for i in range(self.count))
        return [*lines, f"v{self.count} = ag.sum([{names}])", f"v{self.count}.backward()"]


def random_program(rng: random.Random, length: int | None = None) -> list[str]:
    """Return a random program of so many statements, and a few at either end."""
    return _Writer(rng).program(rng.randint(4, 24) if length is None else length)

//! Expressions.

use super::{MAX_CHAIN, Parsed, Parser, T, Token};
use crate::lang::ast::{
    Binary, BinaryOp, Call, Conditional, Expr, ExprKind, For, Ident, Index, Literal, ObjectItem, ObjectKey, Relative,
    Splat, Step, StepKind, Traversal, Unary, UnaryOp,
};
use straddle_sdk::value::num::Num;
use straddle_sdk::value::{Str, Type, Value};

impl Parser<'_> {
    /// An expression: a conditional or something that binds tighter.
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.deeper(Self::conditional)
    }

    fn conditional(&mut self) -> Parsed<Expr> {
        let cond = self.binary(1)?;
        if !self.eat(T::Question) {
            return Ok(cond);
        }
        let yes = self.expr()?;
        let colon = self.peek();
        if colon.kind != T::Colon {
            let detail = "The conditional operator (...?...:...) requires a false expression, delimited by a colon.";
            return self.fail("Missing false expression in conditional", detail, self.span(colon));
        }
        self.next();
        let no = self.expr()?;
        let span = self.between(cond.span.range.start, no.span.range.end);
        Ok(Expr { kind: ExprKind::Conditional(Box::new(Conditional { cond, yes, no })), span })
    }

    /// Operators that bind at least as tight as `level`; all group from the left.
    fn binary(&mut self, level: u8) -> Parsed<Expr> {
        let mut left = self.operand()?;
        for links in 0.. {
            let token = self.peek();
            let Some((op, binds)) = operator(token.kind).filter(|(_, binds)| *binds >= level) else { break };
            if links == MAX_CHAIN {
                return self.too_long(token);
            }
            self.next();
            let right = self.binary(binds + 1)?;
            let span = self.between(left.span.range.start, right.span.range.end);
            left = Expr { kind: ExprKind::Binary(Box::new(Binary { op, left, right })), span };
        }
        Ok(left)
    }

    fn too_long<N>(&mut self, token: Token) -> Parsed<N> {
        let detail = format!("An expression can have {MAX_CHAIN} operators in a row, not more.");
        self.fail("Expression too long", detail, self.span(token))
    }

    /// A term with its signs and steps.
    fn operand(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        let op = match token.kind {
            T::Minus => UnaryOp::Negate,
            T::Bang => UnaryOp::Not,
            _ => {
                let term = self.term()?;
                return self.steps(term);
            }
        };
        self.next();
        let operand = self.deeper(Self::operand)?;
        let span = self.between(token.start as usize, operand.span.range.end);
        Ok(Expr { kind: ExprKind::Unary(Box::new(Unary { op, operand })), span })
    }

    fn term(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        match token.kind {
            T::OParen => self.parens(),
            T::Number => {
                self.next();
                let value = self.number(token);
                Ok(self.literal(value, token))
            }
            T::Ident => self.word(),
            T::OQuote | T::OHeredoc => self.text(),
            T::OBrack => self.tuple(),
            T::OBrace => self.object(),
            T::Eof => {
                let detail = "Expected the start of an expression, but found the end of the file.";
                self.fail("Missing expression", detail, self.span(token))
            }
            _ => {
                let detail = "Expected the start of an expression, but found an invalid expression token.";
                self.fail("Invalid expression", detail, self.span(token))
            }
        }
    }

    fn literal(&self, value: Value, token: Token) -> Expr {
        Expr { kind: ExprKind::Literal(Literal(value)), span: self.span(token) }
    }

    /// The value of a number token; reports one that is none.
    fn number(&mut self, token: Token) -> Value {
        match Num::parse(self.slice(token)) {
            Ok(number) => Value::number(number),
            Err(_) => {
                let detail = "Failed to recognize the value of this number literal.";
                self.error("Invalid number literal", detail, self.span(token));
                Value::unknown(Type::Number)
            }
        }
    }

    fn parens(&mut self) -> Parsed<Expr> {
        let open = self.next();
        self.with_newlines(false, |p| {
            let inner = p.expr()?;
            let close = p.peek();
            if close.kind != T::CParen {
                let detail = "Expected a closing parenthesis to terminate the expression.";
                return p.fail("Unbalanced parentheses", detail, p.span(close));
            }
            p.next();
            let span = p.between(open.start as usize, close.end as usize);
            Ok(Expr { kind: ExprKind::Parens(Box::new(inner)), span })
        })
    }

    /// A word: a constant, a function call or the root of a reference.
    fn word(&mut self) -> Parsed<Expr> {
        let token = self.next();
        if matches!(self.peek().kind, T::OParen | T::DoubleColon) {
            return self.call(token);
        }
        let value = match self.slice(token) {
            "true" => Value::TRUE,
            "false" => Value::FALSE,
            "null" => Value::null(Type::Dynamic),
            name => {
                let root = Ident { name: Str::new(name), span: self.span(token) };
                let traversal = Traversal { root, steps: Vec::new() };
                return Ok(Expr { kind: ExprKind::Traversal(Box::new(traversal)), span: self.span(token) });
            }
        };
        Ok(self.literal(value, token))
    }

    /// After the first word of a function's name.
    fn call(&mut self, first: Token) -> Parsed<Expr> {
        let mut name = self.slice(first).to_owned();
        while self.eat(T::DoubleColon) {
            let part = self.peek();
            if part.kind != T::Ident {
                let detail = "Function scope resolution symbol :: must be followed by a function name in this scope.";
                return self.fail("Missing function name", detail, self.span(part));
            }
            self.next();
            name.push_str("::");
            name.push_str(self.slice(part));
        }
        let name = Ident { name: Str::from(name), span: self.since(first.start as usize) };
        let open = self.peek();
        if open.kind != T::OParen {
            let detail = "Function selector must be followed by an open parenthesis to begin the function call.";
            return self.fail("Missing open parenthesis", detail, self.span(open));
        }
        self.next();
        let (args, expand, close) = self.with_newlines(false, |p| p.arguments(open))?;
        let span = self.between(first.start as usize, close.end as usize);
        let call = Call { name, args, expand, close: self.span(close) };
        Ok(Expr { kind: ExprKind::Call(Box::new(call)), span })
    }

    /// The arguments, whether the last is expanded, and the closing parenthesis.
    fn arguments(&mut self, open: Token) -> Parsed<(Vec<Expr>, bool, Token)> {
        let mut args = Vec::new();
        loop {
            if self.peek().kind == T::CParen {
                return Ok((args, false, self.next()));
            }
            args.push(self.expr()?);
            let separator = self.peek();
            match separator.kind {
                T::Comma => {
                    self.next();
                }
                T::CParen => {}
                T::Ellipsis => {
                    self.next();
                    if self.peek().kind == T::CParen {
                        return Ok((args, true, self.next()));
                    }
                    let detail = "An expanded function argument (with ...) must be immediately followed by closing \
                                  parentheses.";
                    return self.fail("Missing closing parenthesis", detail, self.span(separator));
                }
                T::Eof => {
                    let detail = "There is no closing parenthesis for this function call before the end of the file. This \
                                  may be caused by incorrect parenthesis nesting elsewhere in this file.";
                    return self.fail("Unterminated function call", detail, self.span(open));
                }
                _ => {
                    let detail = "A comma is required to separate each function argument from the next.";
                    return self.fail("Missing argument separator", detail, self.span(separator));
                }
            }
        }
    }

    /// What follows a term: attributes, indexes, splats.
    fn steps(&mut self, mut on: Expr) -> Parsed<Expr> {
        for links in 0.. {
            let token = self.peek();
            if links == MAX_CHAIN {
                return self.too_long(token);
            }
            on = match token.kind {
                T::Dot => {
                    self.next();
                    if self.peek().kind == T::Star { self.attribute_splat(on, token)? } else { self.dot(on, token)? }
                }
                T::OBrack => self.brackets(on)?,
                _ => break,
            };
        }
        Ok(on)
    }

    /// After a dot: an attribute or a legacy index.
    fn dot(&mut self, on: Expr, dot: Token) -> Parsed<Expr> {
        let step = self.dotted_step(dot)?;
        Ok(self.with_step(on, step))
    }

    fn dotted_step(&mut self, dot: Token) -> Parsed<Step> {
        let name = self.peek();
        let span = self.between(dot.start as usize, name.end as usize);
        match name.kind {
            T::Ident => {
                self.next();
                Ok(Step { kind: StepKind::Attr(Str::new(self.slice(name))), span })
            }
            T::Number => {
                self.next();
                if let Some((first, second)) = self.slice(name).split_once('.') {
                    let detail = format!(
                        "When using the legacy index syntax, chaining two indexes together is not permitted. Use the \
                         proper index syntax instead, like [{first}][{second}]."
                    );
                    self.error("Invalid legacy index syntax", detail, self.span(name));
                    return Ok(Step { kind: StepKind::Index(Literal(Value::unknown(Type::Dynamic))), span });
                }
                Ok(Step { kind: StepKind::Index(Literal(self.number(name))), span })
            }
            T::Star => {
                let detail = "A splat expression (*) cannot be used inside another attribute-only splat expression.";
                self.fail("Nested splat expression not allowed", detail, self.span(name))
            }
            _ => self.fail("Invalid attribute name", "An attribute name is required after a dot.", self.span(name)),
        }
    }

    /// Adds a constant step to an expression.
    fn with_step(&self, mut on: Expr, step: Step) -> Expr {
        let span = self.between(on.span.range.start, step.span.range.end);
        match &mut on.kind {
            ExprKind::Traversal(t) => t.steps.push(step),
            ExprKind::Relative(r) => r.steps.push(step),
            _ => return Expr { kind: ExprKind::Relative(Box::new(Relative { on, steps: vec![step] })), span },
        }
        Expr { span, ..on }
    }

    /// `.*`, and the attributes and legacy indexes after it, which belong to it.
    fn attribute_splat(&mut self, source: Expr, dot: Token) -> Parsed<Expr> {
        let star = self.next();
        let marker = self.between(dot.start as usize, star.end as usize);
        let mut each = Expr { kind: ExprKind::SplatItem, span: marker.clone() };
        while self.peek().kind == T::Dot {
            let dot = self.next();
            each = self.dot(each, dot)?;
        }
        Ok(self.splat(source, each, marker))
    }

    fn splat(&self, source: Expr, each: Expr, marker: crate::diag::Span) -> Expr {
        let span = self.between(source.span.range.start, each.span.range.end);
        Expr { kind: ExprKind::Splat(Box::new(Splat { source, each, marker })), span }
    }

    /// The next closing bracket that nothing after here opened, or the end of the file.
    fn closing_bracket(&self) -> crate::diag::Span {
        let mut open = 0;
        let rest = &self.tokens[self.at..];
        let found = rest.iter().find(|token| {
            match token.kind {
                T::OBrack => open += 1,
                T::CBrack if open == 0 => return true,
                T::CBrack => open -= 1,
                _ => {}
            }
            token.kind == T::Eof
        });
        self.span(*found.unwrap_or(&self.tokens[self.at]))
    }

    /// `[key]` or `[*]`.
    fn brackets(&mut self, on: Expr) -> Parsed<Expr> {
        let open = self.next();
        if self.peek().kind == T::Star {
            self.next();
            let close = self.peek();
            if close.kind != T::CBrack {
                let detail =
                    "The star for a full splat operator must be immediately followed by a closing bracket (\"]\").";
                let place = self.closing_bracket();
                return self.fail("Missing close bracket on splat index", detail, place);
            }
            self.next();
            let marker = self.between(open.start as usize, close.end as usize);
            let item = Expr { kind: ExprKind::SplatItem, span: marker.clone() };
            let each = self.deeper(|p| p.steps(item))?;
            return Ok(self.splat(on, each, marker));
        }
        let (key, close) = self.with_newlines(false, |p| {
            let key = p.expr()?;
            let close = p.peek();
            if close.kind != T::CBrack {
                let detail = "The index operator must end with a closing bracket (\"]\").";
                let place = p.closing_bracket();
                return p.fail("Missing close bracket on index", detail, place);
            }
            Ok((key, p.next()))
        })?;
        let brackets = self.between(open.start as usize, close.end as usize);
        if let ExprKind::Literal(literal) = key.kind {
            return Ok(self.with_step(on, Step { kind: StepKind::Index(literal), span: brackets }));
        }
        let span = self.between(on.span.range.start, close.end as usize);
        let index = |on, key| ExprKind::Index(Box::new(Index { on, key, brackets }));
        // Nested from the left: as deep as the chain is long, so it counts as nesting.
        if nested_indexes(&on) >= super::MAX_DEPTH {
            return self.too_long(open);
        }
        Ok(Expr { kind: index(on, key), span })
    }

    /// `[a, b]` or `[for ...]`.
    fn tuple(&mut self) -> Parsed<Expr> {
        let open = self.next();
        self.with_newlines(false, |p| {
            if p.at_word("for") {
                return p.for_expr(open, T::CBrack);
            }
            let mut items = Vec::new();
            while !p.eat(T::CBrack) {
                items.push(p.expr()?);
                let next = p.peek();
                match next.kind {
                    T::Comma => {
                        p.next();
                    }
                    T::CBrack => {}
                    T::Eof => {
                        let detail = "There is no corresponding closing bracket before the end of the file. This may be \
                                      caused by incorrect bracket nesting elsewhere in this file.";
                        return p.fail("Unterminated tuple constructor expression", detail, p.span(open));
                    }
                    _ => {
                        let detail = "Expected a comma to mark the beginning of the next item.";
                        return p.fail("Missing item separator", detail, p.span(next));
                    }
                }
            }
            Ok(Expr { kind: ExprKind::Tuple(items), span: p.since(open.start as usize) })
        })
    }

    /// `{ a = b }` or `{for ...}`.
    fn object(&mut self) -> Parsed<Expr> {
        let open = self.next();
        if self.with_newlines(false, |p| Ok(p.at_word("for")))? {
            return self.with_newlines(false, |p| p.for_expr(open, T::CBrace));
        }
        self.with_newlines(true, |p| {
            let mut items = Vec::new();
            loop {
                if p.eat(T::Newline) {
                    continue;
                }
                if p.eat(T::CBrace) {
                    break;
                }
                items.push(p.object_item(open)?);
                let next = p.peek();
                match next.kind {
                    T::Comma | T::Newline => {
                        p.next();
                    }
                    T::CBrace => {}
                    T::Eof => return p.unterminated_object(open),
                    _ => {
                        let detail = "Expected a newline or comma to mark the beginning of the next attribute.";
                        return p.fail("Missing attribute separator", detail, p.span(next));
                    }
                }
            }
            Ok(Expr { kind: ExprKind::Object(items), span: p.since(open.start as usize) })
        })
    }

    fn unterminated_object<N>(&mut self, open: Token) -> Parsed<N> {
        let detail = "There is no corresponding closing brace before the end of the file. This may be caused by incorrect \
                      brace nesting elsewhere in this file.";
        self.fail("Unterminated object constructor expression", detail, self.span(open))
    }

    fn object_item(&mut self, open: Token) -> Parsed<ObjectItem> {
        let key = self.expr()?;
        let next = self.peek();
        match next.kind {
            T::Equal | T::Colon => {
                self.next();
            }
            T::Newline | T::Comma => {
                let detail = "Expected an attribute value, introduced by an equals sign (\"=\").";
                return self.fail("Missing attribute value", detail, self.span(next));
            }
            T::Eof => return self.unterminated_object(open),
            _ => {
                let mut detail =
                    "Expected an equals sign (\"=\") to mark the beginning of the attribute value.".to_owned();
                if next.kind == T::Ident {
                    detail.push_str(
                        " If you intended to given an attribute name containing periods or spaces, write the name in \
                         quotes to create a string literal.",
                    );
                }
                return self.fail("Missing key/value separator", detail, self.span(next));
            }
        }
        let key = match key.keyword() {
            Some(word) => ObjectKey::Name(Ident { name: Str::new(word), span: key.span.clone() }),
            None => ObjectKey::Expr(key),
        };
        Ok(ObjectItem { key, value: self.expr()? })
    }

    /// After the bracket, at the word `for`.
    fn for_expr(&mut self, open: Token, close: T) -> Parsed<Expr> {
        self.next();
        let (key, value) = self.for_names("'for' expression", "For expression")?;
        let collection = self.expr()?;
        self.for_expects(T::Colon, "For expression requires a colon after the collection expression.")?;
        let first = self.expr()?;
        let (key_result, result) = if self.eat(T::FatArrow) { (Some(first), self.expr()?) } else { (None, first) };
        let ellipsis = self.peek();
        let group = self.eat(T::Ellipsis);
        let cond = if self.at_word("if") {
            self.next();
            Some(self.expr()?)
        } else {
            None
        };
        let end = self.peek();
        if end.kind != close {
            return self.bad_for("Extra characters after the end of the 'for' expression.", end);
        }
        self.next();
        let span = self.since(open.start as usize);
        match (&key_result, close) {
            (None, T::CBrace) => self.error(
                "Invalid 'for' expression",
                "Key expression is required when building an object.",
                result.span.clone(),
            ),
            (Some(key), T::CBrack) => {
                let place = key.span.clone();
                self.error("Invalid 'for' expression", "Key expression is not valid when building a tuple.", place);
            }
            (None, _) if group => {
                let detail = "Grouping ellipsis (...) cannot be used when building a tuple.";
                self.error("Invalid 'for' expression", detail, self.span(ellipsis));
            }
            _ => {}
        }
        let node = For { key, value, collection, key_result, result, cond, group };
        Ok(Expr { kind: ExprKind::For(Box::new(node)), span })
    }

    fn bad_for<N>(&mut self, detail: &str, token: Token) -> Parsed<N> {
        self.fail("Invalid 'for' expression", detail, self.span(token))
    }

    fn for_expects(&mut self, kind: T, detail: &str) -> Parsed<()> {
        let token = self.peek();
        if token.kind != kind {
            return self.bad_for(detail, token);
        }
        self.next();
        Ok(())
    }

    /// `x in` or `k, v in`, of a `for` expression or directive.
    pub(super) fn for_names(&mut self, what: &str, subject: &str) -> Parsed<(Option<Ident>, Ident)> {
        let summary = format!("Invalid {what}");
        let in_words = if what.ends_with("directive") {
            "requires 'in' keyword after names."
        } else {
            "requires the 'in' keyword after its name declarations."
        };
        let first = self.peek();
        if first.kind != T::Ident {
            return self.fail(&summary, format!("{subject} requires variable name after 'for'."), self.span(first));
        }
        self.next();
        let first = Ident { name: Str::new(self.slice(first)), span: self.span(first) };
        let mut names = (None, first);
        if self.eat(T::Comma) {
            let second = self.peek();
            if second.kind != T::Ident {
                return self.fail(
                    &summary,
                    format!("{subject} requires value variable name after comma."),
                    self.span(second),
                );
            }
            self.next();
            names = (Some(names.1), Ident { name: Str::new(self.slice(second)), span: self.span(second) });
        }
        if !self.at_word("in") {
            let token = self.peek();
            return self.fail(&summary, format!("{subject} {in_words}"), self.span(token));
        }
        self.next();
        Ok(names)
    }
}

/// How many indexes are nested to the left of this one.
fn nested_indexes(expr: &Expr) -> u32 {
    let (mut count, mut expr) = (0, expr);
    loop {
        expr = match &expr.kind {
            ExprKind::Index(index) => &index.on,
            ExprKind::Relative(relative) => &relative.on,
            ExprKind::Splat(splat) => &splat.source,
            _ => return count,
        };
        count += 1;
    }
}

/// An operator and how tight it binds.
fn operator(kind: T) -> Option<(BinaryOp, u8)> {
    Some(match kind {
        T::Or => (BinaryOp::Or, 1),
        T::And => (BinaryOp::And, 2),
        T::EqualOp => (BinaryOp::Equal, 3),
        T::NotEqual => (BinaryOp::NotEqual, 3),
        T::Greater => (BinaryOp::Greater, 4),
        T::GreaterEqual => (BinaryOp::GreaterOrEqual, 4),
        T::Less => (BinaryOp::Less, 4),
        T::LessEqual => (BinaryOp::LessOrEqual, 4),
        T::Plus => (BinaryOp::Add, 5),
        T::Minus => (BinaryOp::Subtract, 5),
        T::Star => (BinaryOp::Multiply, 6),
        T::Slash => (BinaryOp::Divide, 6),
        T::Percent => (BinaryOp::Modulo, 6),
        _ => return None,
    })
}

//! Reads names, operators and values from the text of a filter or an order.

/// Words that SQL reserves wherever they are: a name that has one is written in quotes.
const RESERVED: [&str; 6] = ["CASE", "IN", "VALUES", "USING", "FROM", "AS"];

/// An operator of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Like,
    ILike,
    In,
    NotIn,
    IsNull,
    IsNotNull,
}

/// A value of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    /// As it is written.
    Number(String),
    Text(String),
    List(Vec<String>),
}

/// A word of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) text: String,
    pub(super) quote: Option<char>,
}

/// A name: the word before its first dot, and what is behind the dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identifier {
    pub(super) first: Part,
    pub(super) rest: Option<String>,
}

/// Whether a character is one of words.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the number that a text begins with; 0 if it does not begin with one.
fn number_bytes(text: &str) -> usize {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let sign = usize::from(text.starts_with('-'));
    let whole = digits(sign);
    let mut end = sign + whole;
    let mut fraction = 0;
    if text[end..].starts_with('.') {
        fraction = digits(end + 1);
        end += 1 + fraction;
    }
    if whole + fraction == 0 {
        return 0;
    }
    if text[end..].starts_with(['e', 'E']) {
        let minus = usize::from(text[end + 1..].starts_with('-'));
        let exponent = digits(end + 1 + minus);
        if exponent > 0 {
            end += 1 + minus + exponent;
        }
    }
    end
}

/// What is left of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self(text)
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Skips white space; whether there was any.
    pub(super) fn skip_blank(&mut self) -> bool {
        let rest = self.0.trim_start();
        let any = rest.len() < self.0.len();
        self.0 = rest;
        any
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.0.split_at(bytes);
        self.0 = rest;
        taken
    }

    /// The word at the front, which may be empty.
    pub(super) fn word(&mut self) -> &'a str {
        self.take(self.0.find(|c| !is_word(c)).unwrap_or(self.0.len()))
    }

    /// The word at the front is taken if it is this one.
    pub(super) fn has_word(&mut self, wanted: &str) -> bool {
        let mut ahead = *self;
        let found = ahead.word().eq_ignore_ascii_case(wanted);
        if found {
            *self = ahead;
        }
        found
    }

    /// The words at the front, for a message.
    fn shown(&self) -> String {
        self.0.chars().take(24).collect()
    }

    /// A word in quotes. A quote inside is doubled or has a backslash before it, and both stay as they are written.
    fn quoted(&mut self) -> Result<Part, String> {
        let mut chars = self.0.char_indices().peekable();
        let Some((_, quote)) = chars.next() else { return Err("a name or a value is missing".to_owned()) };
        // The last place where the quotes close if they do not close later.
        let mut last = None;
        let mut end = None;
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().copied();
            match (c, next) {
                ('\\', Some((after, follows))) if follows == quote && quote != '`' => {
                    last = Some(after);
                    chars.next();
                }
                (c, Some((_, follows))) if c == quote && follows == quote => {
                    last = Some(at);
                    chars.next();
                }
                (c, _) if c == quote => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let Some(end) = end.or(last) else {
            return Err(format!("the quote before {:?} is not closed", self.shown()));
        };
        let text = self.take(end + quote.len_utf8());
        Ok(Part { text: text[quote.len_utf8()..end].to_owned(), quote: Some(quote) })
    }

    fn part(&mut self) -> Result<Part, String> {
        if self.0.starts_with(['`', '"', '\'']) {
            return self.quoted();
        }
        let text = self.word().to_owned();
        if text.is_empty() {
            let why = format!("a name is missing before {:?}", self.shown());
            return Err(if self.0.is_empty() { "a name is missing".to_owned() } else { why });
        }
        let reserved = RESERVED.iter().any(|word| word.eq_ignore_ascii_case(&text));
        let hex = text.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|c| c.is_ascii_hexdigit()));
        if reserved || hex || number_bytes(&text) == text.len() {
            return Err(format!("write the name that has {text:?} in backticks: `{text}`"));
        }
        Ok(Part { text, quote: None })
    }

    /// A name, as `metrics.loss`, `` params.`learning rate` `` or `start_time`.
    pub(super) fn name(&mut self) -> Result<Identifier, String> {
        let first = self.part()?;
        if first.quote == Some('\'') {
            return Err(format!("{:?} is a value: write the name before the operator", first.text));
        }
        let mut parts = Vec::new();
        while self.0.starts_with('.') {
            self.take(1);
            parts.push(self.part()?);
        }
        if self.0.starts_with(|c: char| !c.is_whitespace() && !"=<>!~".contains(c)) {
            let why = format!("{:?} cannot follow a name: write a name with other characters", self.shown());
            return Err(format!("{why} than letters, digits and _ in backticks, as params.`cat-dog`"));
        }
        if parts.len() > 1 && parts.iter().any(|part| part.quote.is_some()) {
            return Err("write the whole name behind the first dot in backticks".to_owned());
        }
        let texts: Vec<String> = parts.into_iter().map(|part| part.text).collect();
        Ok(Identifier { first, rest: (!texts.is_empty()).then(|| texts.join(".")) })
    }

    /// An operator.
    pub(super) fn operator(&mut self) -> Result<Operator, String> {
        let sign = self.take(self.0.find(|c| !"=<>!~".contains(c)).unwrap_or(self.0.len()));
        let found = match sign {
            "=" => Some(Operator::Equal),
            "!=" => Some(Operator::Unequal),
            ">" => Some(Operator::Greater),
            ">=" => Some(Operator::GreaterEqual),
            "<" => Some(Operator::Less),
            "<=" => Some(Operator::LessEqual),
            "" => self.operator_word(),
            _ => None,
        };
        found.ok_or_else(|| {
            let known = "= != > >= < <= LIKE ILIKE IN NOT IN IS NULL and IS NOT NULL";
            format!("an operator is expected before {sign:?}{:?}: there are {known}", self.shown())
        })
    }

    fn operator_word(&mut self) -> Option<Operator> {
        let word = self.word().to_ascii_uppercase();
        self.skip_blank();
        match word.as_str() {
            "LIKE" => Some(Operator::Like),
            "ILIKE" => Some(Operator::ILike),
            "IN" => Some(Operator::In),
            "NOT" => self.has_word("IN").then_some(Operator::NotIn),
            "IS" if self.has_word("NULL") => Some(Operator::IsNull),
            "IS" if self.has_word("NOT") => {
                self.skip_blank();
                self.has_word("NULL").then_some(Operator::IsNotNull)
            }
            _ => None,
        }
    }

    /// A value: a number, a text in quotes, or a list of texts.
    pub(super) fn value(&mut self) -> Result<Literal, String> {
        if self.0.starts_with(['\'', '"']) {
            return Ok(Literal::Text(self.quoted()?.text));
        }
        if self.0.starts_with('(') {
            return self.list().map(Literal::List);
        }
        let bytes = number_bytes(self.0);
        let follows = self.0[bytes..].chars().next();
        if bytes == 0 || follows.is_some_and(|c| is_word(c) || c == '.') {
            let why = "a value is a number, or a text in quotes";
            return Err(format!("{:?} is not a value: {why}", self.shown()));
        }
        Ok(Literal::Number(self.take(bytes).to_owned()))
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        self.take(1);
        let wrong = |rest: &Self| Err(format!("{:?} is not in a list of texts in quotes", rest.shown()));
        let (mut values, mut open): (Vec<String>, bool) = (Vec::new(), false);
        loop {
            self.skip_blank();
            match self.0.chars().next() {
                Some(quote @ ('\'' | '"')) => {
                    let Some(end) = self.0[1..].find(quote) else { return wrong(self) };
                    let text = &self.take(end + 2)[1..=end];
                    match values.last_mut() {
                        // Two texts without a comma are one.
                        Some(last) if open => last.push_str(text),
                        _ => values.push(text.to_owned()),
                    }
                    open = true;
                }
                Some(',') if open => {
                    self.take(1);
                    open = false;
                }
                Some(')') if !values.is_empty() => {
                    self.take(1);
                    return Ok(values);
                }
                _ => return wrong(self),
            }
        }
    }
}

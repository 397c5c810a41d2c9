package gateway

import (
	"encoding/json"

	"foxhunt/messages"
)

// maxDepth bounds how deep values may nest.
const maxDepth = 32

// scanner walks a JSON text (RFC 8259) once, without building a tree: a request is mostly numbers, which go straight to
// where they are needed. It accepts nothing that encoding/json would not.
type scanner struct {
	text []byte
	pos  int
}

// next skips white space and returns the byte that opens the next value, without taking it; 0 at the end.
func (s *scanner) next() byte {
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// take takes the byte c if it is next.
func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.pos++
	return true
}

// broken says that the text is not JSON from here on.
func (s *scanner) broken(want string) *fault {
	if s.pos >= len(s.text) {
		return notJSON("the JSON ends after %d bytes; want %s", s.pos, want)
	}
	return notJSON("the JSON has %q at byte %d; want %s", s.text[s.pos], s.pos, want)
}

func notJSON(format string, args ...any) *fault {
	f := faulty(CodeNotJSON, format, args...)
	f.told = true
	return f
}

// kind names the next value's type.
func (s *scanner) kind() string {
	switch c := s.next(); {
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '"':
		return "a string"
	case c == 't' || c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	case c == '-' || c >= '0' && c <= '9':
		return "a number"
	}
	return ""
}

// wrong says that the next value is of another type than wanted. Text that is no JSON at all is a fault of its own.
func (s *scanner) wrong(want string) *fault {
	kind := s.kind()
	if kind == "" {
		return s.broken(want)
	}
	if f := s.skip(0); f != nil {
		return f
	}
	return faulty(messages.CodeBadType, "is %s; want %s", kind, want)
}

// end expects nothing but white space.
func (s *scanner) end() *fault {
	if s.next() != 0 || s.pos < len(s.text) {
		return s.broken("the end")
	}
	return nil
}

// object calls member for each member of the object that must come, with the position at its value, which member takes.
func (s *scanner) object(member func(name string) *fault) *fault {
	if s.next() != '{' {
		return s.wrong("an object")
	}
	s.pos++
	if s.take('}') {
		return nil
	}
	for {
		if s.next() != '"' {
			return s.broken("a field's name")
		}
		name, f := s.str()
		if f != nil {
			return f
		}
		if !s.take(':') {
			return s.broken("a colon")
		}
		if f := member(name); f != nil {
			return f
		}
		switch {
		case s.take('}'):
			return nil
		case !s.take(','):
			return s.broken("a comma or }")
		}
	}
}

// array calls element for each element of the array that must come, with the position at it; element takes it.
func (s *scanner) array(element func(index int) *fault) *fault {
	if s.next() != '[' {
		return s.wrong("an array")
	}
	s.pos++
	if s.take(']') {
		return nil
	}
	for i := 0; ; i++ {
		if f := element(i); f != nil {
			return f.at(i)
		}
		switch {
		case s.take(']'):
			return nil
		case !s.take(','):
			return s.broken("a comma or ]")
		}
	}
}

// str takes a string.
func (s *scanner) str() (string, *fault) {
	text, f := s.bytes()
	return string(text), f
}

// bytes takes a string as bytes, which may be the scanner's own.
func (s *scanner) bytes() ([]byte, *fault) {
	if s.next() != '"' {
		return nil, s.wrong("a string")
	}
	start := s.pos
	plain, f := s.skipString()
	if f != nil {
		return nil, f
	}
	if plain {
		return s.text[start+1 : s.pos-1], nil
	}
	var text string
	if err := json.Unmarshal(s.text[start:s.pos], &text); err != nil {
		s.pos = start
		return nil, s.broken("a string: " + err.Error())
	}
	return []byte(text), nil
}

// skipString moves behind the string that opens here, and says whether it is its own meaning: ASCII without escapes.
// What an escape may be is left to encoding/json.
func (s *scanner) skipString() (plain bool, f *fault) {
	plain = true
	for i := s.pos + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.pos = i + 1
			return plain, nil
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			s.pos = i
			return false, s.broken("no control character in a string")
		case c >= 0x80:
			plain = false
		}
	}
	s.pos = len(s.text)
	return false, s.broken("the end of a string")
}

// boolean takes true or false.
func (s *scanner) boolean() (bool, *fault) {
	switch s.next() {
	case 't':
		return true, s.literal("true")
	case 'f':
		return false, s.literal("false")
	}
	return false, s.wrong("a boolean")
}

// null takes null if it is next.
func (s *scanner) null() bool {
	return s.next() == 'n' && s.literal("null") == nil
}

func (s *scanner) literal(word string) *fault {
	if end := s.pos + len(word); end <= len(s.text) && string(s.text[s.pos:end]) == word {
		s.pos = end
		return nil
	}
	return s.broken(word)
}

// skip takes any value.
func (s *scanner) skip(depth int) *fault {
	if depth > maxDepth {
		return notJSON("the JSON nests deeper than %d values", maxDepth)
	}
	switch s.next() {
	case '{':
		return s.object(func(string) *fault { return s.skip(depth + 1) })
	case '[':
		return s.array(func(int) *fault { return s.skip(depth + 1) })
	case '"':
		_, f := s.str()
		return f
	case 't', 'f':
		_, f := s.boolean()
		return f
	case 'n':
		return s.literal("null")
	}
	if s.kind() == "" {
		return s.broken("a value")
	}
	_, f := s.digits()
	return f
}

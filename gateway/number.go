package gateway

import "strconv"

// digits takes the text of a number.
func (s *scanner) digits() ([]byte, *fault) {
	if c := s.next(); c != '-' && (c < '0' || c > '9') {
		return nil, s.wrong("a number")
	}
	end := numberEnd(s.text, s.pos)
	if end < 0 {
		return nil, s.broken("a number")
	}
	text := s.text[s.pos:end]
	s.pos = end
	return text, nil
}

// number takes a number.
func (s *scanner) number() (float64, *fault) {
	text, f := s.digits()
	if f != nil {
		return 0, f
	}
	x, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, faulty(CodeBadNumber, "is %.40s, which no float64 can hold", text)
	}
	return x, nil
}

// numberEnd is where the number that begins at i ends; -1 if it is none.
func numberEnd(text []byte, i int) int {
	if i < len(text) && text[i] == '-' {
		i++
	}
	whole := i
	i = digitsEnd(text, i)
	if i == whole || i > whole+1 && text[whole] == '0' {
		return -1
	}
	if i < len(text) && text[i] == '.' {
		start := i + 1
		if i = digitsEnd(text, start); i == start {
			return -1
		}
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		start := i
		if i = digitsEnd(text, start); i == start {
			return -1
		}
	}
	return i
}

func digitsEnd(text []byte, i int) int {
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	return i
}

package gateway

import (
	"net/http"
	"net/url"

	"foxhunt/messages"
)

func badParameter(name, want string) *problem {
	return newProblem(http.StatusBadRequest, CodeBadParameter, "the query's "+name+" is not "+want)
}

// parameters are the query's, each once at most and none but these; network and source are names.
func parameters(r *http.Request, names ...string) (map[string]string, *problem) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, CodeBadParameter, "the query cannot be read")
	}
	values := map[string]string{}
	for _, name := range names {
		given, ok := query[name]
		delete(query, name)
		switch {
		case len(given) > 1:
			return nil, badParameter(name, "there once")
		case ok && name != "since" && messages.ValidateToken(name, given[0]) != nil:
			return nil, badParameter(name, "1 to 64 of A-Z a-z 0-9 _ -")
		case ok && given[0] == "":
			return nil, badParameter(name, "there with a value")
		case ok:
			values[name] = given[0]
		}
	}
	for name := range query {
		return nil, newProblem(http.StatusBadRequest, CodeBadParameter, "the query has "+quote(name)+", which is not known here")
	}
	return values, nil
}

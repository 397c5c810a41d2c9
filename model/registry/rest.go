package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// rest is the client of a server's REST interface.
type rest struct {
	base          *url.URL // without user and password
	client        *http.Client
	authorization string   // the header, or ""
	secrets       []string // what no error may tell
	backoff       time.Duration
	stall         time.Duration // how long a download may go without a byte
}

// The bounds of what is asked of a server.
const (
	attempts     = 3 // of a question, where the server is away
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 5 * time.Second  // however long the server asks to wait
	askTimeout   = 15 * time.Second // one attempt at a question
	maxAnswer    = 4 << 20
	maxRedirects = 5
)

func newREST(o MLflowOptions) (*rest, error) {
	base, err := url.Parse(o.TrackingURI)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fail(BadOptions, "MLflow's tracking URI has to be that of a server, http://HOST:PORT or https://HOST") // the URI may hold a password
	}
	if base.User != nil && o.Username == "" {
		o.Username = base.User.Username()
		o.Password, _ = base.User.Password()
	}
	base.User, base.RawQuery, base.Fragment = nil, "", ""
	settings, err := o.tls()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = settings
	transport.DisableCompression = true // so that the length of a download is known
	r := &rest{base: base, backoff: firstBackoff, stall: stallTimeout}
	r.client = &http.Client{Transport: transport, CheckRedirect: r.redirect}
	switch {
	case o.Username != "":
		text := base64.StdEncoding.EncodeToString([]byte(o.Username + ":" + o.Password))
		r.authorization, r.secrets = "Basic "+text, []string{text, o.Password}
	case o.Token != "":
		r.authorization, r.secrets = "Bearer "+o.Token, []string{o.Token}
	}
	if strings.ContainsAny(r.authorization, "\r\n\x00") {
		return nil, fail(BadOptions, "MLflow's user, password or token holds a line break")
	}
	return r, nil
}

func (o MLflowOptions) tls() (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, because(BadOptions, err, "the certificates for MLflow's server cannot be read")
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fail(BadOptions, "%q holds no certificate in PEM", oneLine(o.CAFile, maxReason))
		}
	}
	if o.CertFile != "" {
		key := o.KeyFile
		if key == "" {
			key = o.CertFile
		}
		certificate, err := tls.LoadX509KeyPair(o.CertFile, key)
		if err != nil {
			return nil, because(BadOptions, err, "the client certificate for MLflow's server cannot be used")
		}
		settings.Certificates = []tls.Certificate{certificate}
	}
	return settings, nil
}

// redirect follows a few redirects, and lets the credentials go to the server itself only.
func (r *rest) redirect(next *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return errors.New("too many redirects")
	}
	if next.URL.Host != r.base.Host || next.URL.Scheme != r.base.Scheme {
		next.Header.Del("Authorization")
	}
	return nil
}

// ask puts a question to the REST interface, and reads the answer, which is JSON.
func (r *rest) ask(ctx context.Context, endpoint string, query url.Values, answer any) error {
	return r.get(ctx, restAPI+"/"+endpoint, query, answer)
}

// get is ask for a path below the server's; its segments are escaped already.
func (r *rest) get(ctx context.Context, path string, query url.Values, answer any) error {
	return r.retry(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		response, err := r.send(ctx, path, query)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
		switch {
		case err != nil:
			return r.away(err)
		case len(text) > maxAnswer:
			return fail(BadAnswer, "the server's answer is longer than %d MiB", maxAnswer>>20)
		}
		if err := json.Unmarshal(text, answer); err != nil {
			return fail(BadAnswer, "%s does not answer as an MLflow tracking server does: %s", r.base, r.harmless(err.Error()))
		}
		return nil
	})
}

// send sends one request, and gives the response if the server grants it.
func (r *rest) send(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	target := r.base.JoinPath(path)
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, because(BadOptions, err, "MLflow's tracking URI")
	}
	request.Header.Set("User-Agent", "foxhunt")
	if r.authorization != "" {
		request.Header.Set("Authorization", r.authorization)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, r.away(err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	return nil, r.refusal(response)
}

// away tells of a connection that failed.
func (r *rest) away(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // without the URL, which says nothing new
	}
	var distrusted *tls.CertificateVerificationError
	if errors.As(err, &distrusted) {
		return &Error{BadOptions, r.base.String() + " shows a certificate that is not trusted; name its authority's in MLFLOW_TRACKING_SERVER_CERT_PATH: " +
			r.harmless(distrusted.Err.Error()), err}
	}
	return &Error{Away, r.base.String() + " does not answer: " + r.harmless(err.Error()), err}
}

// refusal reads an answer that is none of success.
func (r *rest) refusal(response *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	var answer struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &answer) != nil {
		answer.Code = ""
	}
	message := r.harmless(answer.Message)
	switch status := response.StatusCode; {
	case status == http.StatusTooManyRequests || status >= 500:
		return &Error{Away, r.base.String() + " answers " + response.Status[:3] + " " + message, retryAfter(response.Header.Get("Retry-After"))}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fail(Unauthorized, "%s answers %d: look at MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD", r.base, status)
	case answer.Code == "RESOURCE_DOES_NOT_EXIST":
		return fail(NoModel, "%s has none: %s", r.base, message)
	case status == http.StatusNotFound || answer.Code == "":
		return fail(BadAnswer, "%s answers %d, as no MLflow tracking server that has this interface does", r.base, status)
	}
	return fail(Refused, "%s refuses: %s", r.base, message)
}

// retryAfter is how long a server asks to wait, as the cause of an error.
type retryAfter string

func (s retryAfter) Error() string { return "Retry-After: " + string(s) }

func (s retryAfter) duration() time.Duration {
	seconds, _ := strconv.Atoi(string(s))
	return min(time.Duration(max(0, min(seconds, 60)))*time.Second, maxBackoff)
}

// harmless makes a text from outside fit to be told, and takes out of it what is secret.
func (r *rest) harmless(text string) string {
	for _, secret := range r.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return oneLine(text, maxReason)
}

// retry tries a few times, while the error is passing.
func (r *rest) retry(ctx context.Context, try func() error) error {
	wait := r.backoff
	for attempt := 1; ; attempt++ {
		err := try()
		var failed *Error
		if !errors.As(err, &failed) || !failed.Passing() || attempt == attempts || ctx.Err() != nil {
			return err
		}
		var asked retryAfter
		errors.As(failed.cause, &asked)
		jittered := wait/2 + rand.N(wait)
		if pause(ctx, max(jittered, asked.duration())) != nil {
			return err
		}
		wait *= 4
	}
}

#include "pg/conninfo.h"

#include "base/base.h"

#include <string.h>

/* ---- What is known ---- */

typedef enum {
    SECRET,
    HOST,
    ADDRESS,
    PORT,
    USER,
    DATABASE,
    NUMBER,
    CHOICE,
    ENCODING,
    FREE
} value_kind;

typedef struct {
    const char *name;
    value_kind kind;
} known_word;

/* Those of libpq 10 to 18 but for requiressl and ssl (sslmode says it), replication (another
 * protocol) and sslkeylogfile (writes the keys of the session to a file). */
static const known_word known[] = {{"host", HOST}, {"hostaddr", ADDRESS}, {"port", PORT},
    {"dbname", DATABASE}, {"user", USER}, {"password", SECRET}, {"passfile", FREE},
    {"service", FREE}, {"sslmode", CHOICE}, {"sslrootcert", FREE}, {"sslcert", FREE},
    {"sslkey", FREE}, {"sslpassword", SECRET}, {"sslcrl", FREE}, {"sslcrldir", FREE},
    {"sslsni", NUMBER}, {"sslcompression", NUMBER}, {"sslcertmode", CHOICE},
    {"sslnegotiation", CHOICE}, {"ssl_min_protocol_version", CHOICE},
    {"ssl_max_protocol_version", CHOICE}, {"channel_binding", CHOICE}, {"require_auth", CHOICE},
    {"requirepeer", FREE}, {"gssencmode", CHOICE}, {"gssdelegation", NUMBER}, {"krbsrvname", FREE},
    {"gsslib", CHOICE}, {"connect_timeout", NUMBER}, {"application_name", FREE},
    {"fallback_application_name", FREE}, {"options", FREE}, {"client_encoding", ENCODING},
    {"keepalives", NUMBER}, {"keepalives_idle", NUMBER}, {"keepalives_interval", NUMBER},
    {"keepalives_count", NUMBER}, {"tcp_user_timeout", NUMBER}, {"target_session_attrs", CHOICE},
    {"load_balance_hosts", CHOICE}, {"min_protocol_version", CHOICE},
    {"max_protocol_version", CHOICE}, {"scram_client_key", SECRET}, {"scram_server_key", SECRET},
    {"oauth_issuer", FREE}, {"oauth_client_id", FREE}, {"oauth_client_secret", SECRET},
    {"oauth_scope", FREE}};

enum { N_KNOWN = (int)(sizeof known / sizeof *known), LONGEST_WORD = 32, SHORTEST_SECRET = 4 };

/* A text of our own; all are in one list, to be overwritten at the end. */
typedef struct piece {
    struct piece *next;
    size_t n_bytes;
    bool is_secret;
    char text[];
} piece;

struct qst_conninfo {
    qst_allocator allocator;
    piece *pieces;
    char *values[N_KNOWN];
    bool is_uri;
};

/* ---- Memory ---- */

qst_status qst_conninfo_new(const qst_ctx *ctx, qst_conninfo **info_out, qst_err *err)
{
    qst_ctx usual;
    qst_ctx_init(&usual);
    const qst_allocator allocator = ctx != NULL ? ctx->allocator : usual.allocator;
    qst_conninfo *info = allocator.get(allocator.data, sizeof *info);
    *info_out = info;
    if (info == NULL) {
        return qst__fail(err, QST_ENOMEM, "no memory for a connection string");
    }
    *info = (qst_conninfo){.allocator = allocator};
    return QST_OK;
}

/* Through volatile, as compilers leave out writes to memory that is freed next. */
static void wipe(piece *p)
{
    volatile char *text = p->text;
    for (size_t i = 0; i < p->n_bytes; i++) {
        text[i] = '\0';
    }
}

void qst_conninfo_free(qst_conninfo *info)
{
    if (info == NULL) {
        return;
    }
    const qst_allocator allocator = info->allocator;
    while (info->pieces != NULL) {
        piece *p = info->pieces;
        info->pieces = p->next;
        wipe(p);
        allocator.release(allocator.data, p);
    }
    allocator.release(allocator.data, info);
}

/* Some bytes between two places of a text. */
typedef struct {
    const char *start, *end;
} slice;

static size_t length(slice s)
{
    return (size_t)(s.end - s.start);
}

static slice all_of(const char *text)
{
    return (slice){text, text + strlen(text)};
}

static bool equals(slice s, const char *word)
{
    return strlen(word) == length(s) && memcmp(s.start, word, length(s)) == 0;
}

/* The first place of one of `stops`, or the end. */
static const char *find(slice s, const char *stops)
{
    const char *at = s.start;
    while (at < s.end && strchr(stops, *at) == NULL) {
        at++;
    }
    return at;
}

static bool has(slice s, const char *stops)
{
    return find(s, stops) < s.end;
}

/* A copy of a slice; its bytes may be decoded in place, which never makes them more. */
static char *keep(qst_conninfo *info, slice s, bool is_secret, qst_err *err)
{
    const size_t n = length(s);
    piece *p = info->allocator.get(info->allocator.data, sizeof *p + n + 1);
    if (p == NULL) {
        (void)qst__fail(err, QST_ENOMEM, "no memory for a connection string");
        return NULL;
    }
    *p = (piece){info->pieces, n, is_secret};
    info->pieces = p;
    if (n > 0) {
        memcpy(p->text, s.start, n);
    }
    p->text[n] = '\0';
    return p->text;
}

/* ---- Keywords ---- */

static int look_up(slice word)
{
    for (int k = 0; k < N_KNOWN; k++) {
        if (equals(word, known[k].name)) {
            return k;
        }
    }
    return -1;
}

/* How many letters must be put in, taken out or changed (Levenshtein 1966). */
static int distance(slice a, const char *b)
{
    int row[LONGEST_WORD + 1];
    const int n = (int)strlen(b);
    for (int j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (int i = 1; i <= (int)length(a); i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            const int change = diagonal + (a.start[i - 1] != b[j - 1]);
            const int grow = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            diagonal = row[j];
            row[j] = change < grow ? change : grow;
        }
    }
    return row[n];
}

static const char *nearest(slice word)
{
    int best = -1, least = 0;
    for (int k = 0; k < N_KNOWN && length(word) <= LONGEST_WORD; k++) {
        const int d = distance(word, known[k].name);
        if (best < 0 || d < least) {
            best = k;
            least = d;
        }
    }
    return best >= 0 && least <= 1 + (int)length(word) / 4 ? known[best].name : NULL;
}

/* Where a place is, in characters from 1. */
static int place_of(const char *text, const char *at)
{
    int n = 1;
    for (; text < at; text++) {
        n += (*text & 0xC0) != 0x80;
    }
    return n;
}

static qst_status unknown(slice word, const char *what, int place, qst_err *err)
{
    const char *near = nearest(word);
    return qst__fail(err, QST_EARGUMENT,
        "the keyword at %s %d is not one of a connection%s%s%s. Those of libpq are known: host, "
        "port, dbname, user, password, sslmode and more",
        what, place, near != NULL ? "; `" : "", near != NULL ? near : "",
        near != NULL ? "` is the nearest" : "");
}

/* ---- Keywords and values: host=... user=... ---- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *skip_blanks(const char *at)
{
    while (is_blank(*at)) {
        at++;
    }
    return at;
}

/* A backslash takes what follows as it is; one at the end is dropped. */
static void drop_backslashes(char *text)
{
    char *out = text;
    for (const char *at = text; *at != '\0'; at++) {
        at += *at == '\\';
        if (*at == '\0') {
            break;
        }
        *out++ = *at;
    }
    *out = '\0';
}

static const char *end_of_plain(const char *at)
{
    while (*at != '\0' && !is_blank(*at)) {
        at += at[0] == '\\' && at[1] != '\0' ? 2 : 1;
    }
    return at;
}

/* NULL if the quote is never closed. */
static const char *end_of_quoted(const char *at)
{
    while (*at != '\'') {
        if (*at == '\0' || (at[0] == '\\' && at[1] == '\0')) {
            return NULL;
        }
        at += *at == '\\' ? 2 : 1;
    }
    return at;
}

/* Does a value without quotes look like a keyword and its value? */
static bool is_setting(slice value, bool after_blank)
{
    const slice word = {value.start, find(value, "=")};
    return word.end < value.end && (after_blank || look_up(word) >= 0);
}

/* Finds the value that begins at *at, and leaves *at behind it. */
static qst_status find_value(
    const char *text, const char **at, slice *value_out, bool after_blank, qst_err *err)
{
    const int place = place_of(text, *at);
    if (**at == '\'') {
        const char *end = end_of_quoted(*at + 1);
        if (end == NULL) {
            return qst__fail(err, QST_EARGUMENT,
                "the quote at character %d is never closed. Write \\' for a quote inside a value",
                place);
        }
        *value_out = (slice){*at + 1, end};
        *at = end + 1;
        return **at == '\0' || is_blank(**at)
                   ? QST_OK
                   : qst__fail(err, QST_EARGUMENT,
                         "after the closing quote at character %d there must be a blank. Write \\' "
                         "for a quote inside a value",
                         place_of(text, end));
    }
    *value_out = (slice){*at, end_of_plain(*at)};
    *at = value_out->end;
    return is_setting(*value_out, after_blank)
               ? qst__fail(err, QST_EARGUMENT,
                     "what stands at character %d is the value of the keyword before it, but reads "
                     "like a keyword. Write '' for an empty value, and quotes around one with '='",
                     place)
               : QST_OK;
}

static qst_status store(qst_conninfo *info, int k, slice value, int place, qst_err *err)
{
    if (info->values[k] != NULL) {
        return qst__fail(err, QST_EARGUMENT,
            "`%s` is given twice, the second time at character %d. Give it once", known[k].name,
            place);
    }
    const bool is_secret = known[k].kind == SECRET;
    if (is_secret && keep(info, value, true, err) == NULL) { /* as it was written */
        return QST_ENOMEM;
    }
    info->values[k] = keep(info, value, is_secret, err);
    return info->values[k] != NULL ? QST_OK : QST_ENOMEM;
}

static qst_status read_words(qst_conninfo *info, const char *text, qst_err *err)
{
    const char *at = skip_blanks(text);
    while (*at != '\0') {
        slice word = {at, at}, value;
        while (*word.end != '\0' && *word.end != '=' && !is_blank(*word.end)) {
            word.end++;
        }
        const int place = place_of(text, at), k = look_up(word);
        at = skip_blanks(word.end);
        if (*at != '=') {
            return qst__fail(err, QST_EARGUMENT,
                "there is no '=' after the word at character %d. A value with blanks is written "
                "in quotes, as in password='...'; a URI begins with postgresql://",
                place);
        }
        if (k < 0) {
            return unknown(word, "character", place, err);
        }
        const bool after_blank = is_blank(at[1]);
        at = skip_blanks(at + 1);
        qst_status status = find_value(text, &at, &value, after_blank, err);
        if (status == QST_OK) {
            status = store(info, k, value, place, err);
        }
        if (status != QST_OK) {
            return status;
        }
        drop_backslashes(info->values[k]);
        at = skip_blanks(at);
    }
    return QST_OK;
}

/* ---- URI: postgresql://user:password@host:port/dbname?keyword=value ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False if a % is not followed by two digits, or they say that the text ends. */
static bool decode(char *text)
{
    char *out = text;
    for (const char *at = text; *at != '\0'; at++) {
        *out = *at;
        if (*at == '%') {
            const int high = hex_digit(at[1]), low = high < 0 ? -1 : hex_digit(at[2]);
            if (low < 0 || high + low == 0) {
                return false;
            }
            *out = (char)(high * 16 + low);
            at += 2;
        }
        out++;
    }
    *out = '\0';
    return true;
}

static qst_status store_decoded(
    qst_conninfo *info, const char *text, int k, slice value, qst_err *err)
{
    const int place = place_of(text, value.start);
    const qst_status status = store(info, k, value, place, err);
    if (status == QST_OK && !decode(info->values[k])) {
        return qst__fail(err, QST_EARGUMENT,
            "after a %% in the `%s` of the URI two hexadecimal digits must follow, not 00. A %% "
            "itself is written %%25",
            known[k].name);
    }
    return status;
}

static bool is_plain_in_uri(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c & 0x80) != 0 || (c != '\0' && strchr("-._~%", c) != NULL);
}

static qst_status read_user(qst_conninfo *info, const char *text, slice s, qst_err *err)
{
    const slice user = {s.start, find(s, ":")};
    for (const char *at = user.start; at < user.end; at++) {
        if (!is_plain_in_uri(*at)) {
            return qst__fail(err, QST_EARGUMENT,
                "the user of the URI has a character that must be written as %%XX, at character "
                "%d. The password comes after a ':'",
                place_of(text, at));
        }
    }
    qst_status status = QST_OK;
    if (length(user) > 0) {
        status = store_decoded(info, text, look_up(all_of("user")), user, err);
    }
    const slice password = {user.end + (user.end < s.end), s.end};
    if (status == QST_OK && length(password) > 0) {
        status = store_decoded(info, text, look_up(all_of("password")), password, err);
    }
    return status;
}

/* One host of the list, [IPv6] or a name; *at is left behind it. False: brackets that are not
 * closed, or empty, or followed by something else. */
static bool find_host(slice list, const char **at, slice *host_out)
{
    if (*at < list.end && **at == '[') {
        *host_out = (slice){*at + 1, find((slice){*at, list.end}, "]")};
        *at = host_out->end + 1;
        return host_out->end < list.end && length(*host_out) > 0 &&
               (*at == list.end || strchr(":,", **at) != NULL);
    }
    *host_out = (slice){*at, find((slice){*at, list.end}, ":,")};
    *at = host_out->end;
    return true;
}

static void append(slice *list, slice s)
{
    if (length(s) > 0) {
        memcpy((char *)(uintptr_t)list->end, s.start, length(s));
    }
    list->end += length(s);
}

static qst_status read_hosts(qst_conninfo *info, const char *text, slice s, qst_err *err)
{
    char *buffers[2] = {keep(info, s, false, err), keep(info, s, false, err)};
    if (buffers[0] == NULL || buffers[1] == NULL) {
        return QST_ENOMEM;
    }
    slice hosts = {buffers[0], buffers[0]}, ports = {buffers[1], buffers[1]};
    const slice comma = {",", &","[1]};
    const char *at = s.start;
    for (;;) {
        slice host;
        if (!find_host(s, &at, &host)) {
            return qst__fail(err, QST_EARGUMENT,
                "the host at character %d of the URI begins with '[' and is no IPv6 address in "
                "brackets",
                place_of(text, at < s.end ? at : s.start));
        }
        append(&hosts, host);
        if (at < s.end && *at == ':') {
            const slice port = {at + 1, find((slice){at, s.end}, ",")};
            append(&ports, port);
            at = port.end;
        }
        if (at == s.end) {
            break;
        }
        at++;
        append(&hosts, comma);
        append(&ports, comma);
    }
    qst_status status = QST_OK;
    if (length(hosts) > 0) {
        status = store_decoded(info, hosts.start, look_up(all_of("host")), hosts, err);
    }
    if (status == QST_OK && length(ports) > 0) {
        status = store_decoded(info, ports.start, look_up(all_of("port")), ports, err);
    }
    return status;
}

static qst_status read_query(qst_conninfo *info, const char *text, slice s, qst_err *err)
{
    qst_status status = QST_OK;
    for (const char *at = s.start; at < s.end && status == QST_OK;) {
        const slice setting = {at, find((slice){at, s.end}, "&")};
        const slice word = {at, find(setting, "=")};
        const slice value = {word.end + (word.end < setting.end), setting.end};
        const int k = look_up(word), place = place_of(text, at);
        if (word.end == setting.end || has(value, "=")) {
            return qst__fail(err, QST_EARGUMENT,
                "the part at character %d of the URI is no keyword=value. Write '&' and '=' "
                "inside a value as %%26 and %%3D",
                place);
        }
        status = k < 0 ? unknown(word, "character", place, err)
                       : store_decoded(info, text, k, value, err);
        at = setting.end + (setting.end < s.end);
    }
    return status;
}

static qst_status read_database(qst_conninfo *info, const char *text, slice s, qst_err *err)
{
    if (has(s, "/:=&#")) {
        return qst__fail(err, QST_EARGUMENT,
            "the database of the URI, at character %d, has one of / : = & #. Write it as %%XX; "
            "is there a '/' in the password that is not written %%2F?",
            place_of(text, s.start));
    }
    return length(s) == 0 ? QST_OK : store_decoded(info, text, look_up(all_of("dbname")), s, err);
}

static qst_status check_uri_bytes(const char *text, const char *after_user, qst_err *err)
{
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7F) {
            return qst__fail(err, QST_EARGUMENT,
                "the URI has a blank or a control character at character %d. Write it as %%XX",
                place_of(text, at));
        }
        if (*at == '@' && at >= after_user) {
            return qst__fail(err, QST_EARGUMENT,
                "the URI has an '@' at character %d that does not end the password. Write '@' as "
                "%%40 and '/' as %%2F inside a password",
                place_of(text, at));
        }
    }
    return QST_OK;
}

static qst_status read_uri(qst_conninfo *info, const char *text, slice rest, qst_err *err)
{
    info->is_uri = true;
    const slice user = {rest.start, find(rest, "@/")};
    const bool has_user = user.end < rest.end && *user.end == '@';
    const char *start = has_user ? user.end + 1 : rest.start;
    const slice hosts = {start, find((slice){start, rest.end}, "/?")};
    const bool has_database = hosts.end < rest.end && *hosts.end == '/';
    slice database = {hosts.end + has_database, hosts.end + has_database};
    if (has_database) {
        database.end = find((slice){database.start, rest.end}, "?");
    }
    qst_status status = check_uri_bytes(text, start, err);
    if (status == QST_OK && has_user) {
        status = read_user(info, text, user, err);
    }
    if (status == QST_OK) {
        status = read_hosts(info, text, hosts, err);
    }
    if (status == QST_OK) {
        status = read_database(info, text, database, err);
    }
    if (status == QST_OK && database.end < rest.end) {
        status = read_query(info, text, (slice){database.end + 1, rest.end}, err);
    }
    return status;
}

/* ---- Reading and setting ---- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Where a URI goes on after its scheme; NULL if the text is none. */
static const char *after_scheme(const char *text)
{
    static const char *const schemes[] = {"postgresql://", "postgres://"};
    for (int k = 0; k < 2; k++) {
        if (begins(text, schemes[k])) {
            return text + strlen(schemes[k]);
        }
    }
    return NULL;
}

qst_status qst_conninfo_read(qst_conninfo *info, const char *text, qst_err *err)
{
    const char *rest = after_scheme(text);
    qst_status status;
    if (rest != NULL) {
        status = read_uri(info, text, all_of(rest), err);
    } else if (begins(text, "postgres")) {
        status = qst__fail(err, QST_EARGUMENT,
            "this begins like a URI but is none: one begins with postgresql:// or postgres://");
    } else {
        status = read_words(info, text, err);
    }
    if (status != QST_OK && keep(info, all_of(text), true, err) == NULL) {
        return QST_ENOMEM;
    }
    return status;
}

qst_status qst_conninfo_set(
    qst_conninfo *info, const char *keyword, const char *value, int place, qst_err *err)
{
    const int k = look_up(all_of(keyword));
    char *text = keep(info, all_of(value), k < 0 || known[k].kind == SECRET, err);
    if (text == NULL) {
        return QST_ENOMEM;
    }
    if (k < 0) {
        return unknown(all_of(keyword), "place", place, err);
    }
    info->values[k] = text;
    return QST_OK;
}

qst_status qst_conninfo_default(
    qst_conninfo *info, const char *keyword, const char *value, qst_err *err)
{
    const int k = look_up(all_of(keyword));
    return k < 0 || info->values[k] != NULL ? QST_OK
                                            : qst_conninfo_set(info, keyword, value, 0, err);
}

const char *qst_conninfo_get(const qst_conninfo *info, const char *keyword)
{
    const int k = look_up(all_of(keyword));
    return k < 0 ? NULL : info->values[k];
}

ptrdiff_t qst_conninfo_list(
    const qst_conninfo *info, const char **keywords_out, const char **values_out)
{
    ptrdiff_t n = 0;
    for (int k = 0; k < N_KNOWN; k++) {
        if (info->values[k] != NULL) {
            keywords_out[n] = known[k].name;
            values_out[n++] = info->values[k];
        }
    }
    return n;
}

/* ---- Judging the values ---- */

static bool holds_only(slice s, const char *others)
{
    for (const char *at = s.start; at < s.end; at++) {
        const char c = *at;
        const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || strchr(others, c) != NULL;
        if (!ok) {
            return false;
        }
    }
    return true;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Is `word`, in small letters, at this place, whatever the case there? */
static bool stands_at(const char *at, const char *word)
{
    while (*word != '\0' && lower(*at) == *word) {
        at++;
        word++;
    }
    return *word == '\0';
}

/* "password = ..." inside another value: two settings that lost what parted them. */
static bool hides_password(const char *value)
{
    static const char *const words[] = {"password", "passwd", "pwd", "secret"};
    for (const char *at = value; *at != '\0'; at++) {
        for (int k = 0; k < 4; k++) {
            if (stands_at(at, words[k]) && *skip_blanks(at + strlen(words[k])) == '=') {
                return true;
            }
        }
    }
    return false;
}

static bool has_control(const char *value)
{
    for (; *value != '\0'; value++) {
        if ((unsigned char)*value < ' ' || *value == 0x7F) {
            return true;
        }
    }
    return false;
}

static bool is_ipv6(slice s)
{
    const char *zone = find(s, "%");
    int colons = 0;
    for (const char *at = s.start; at < zone; at++) {
        colons += *at == ':';
        if (hex_digit(*at) < 0 && strchr(":.", *at) == NULL) {
            return false;
        }
    }
    return colons >= 2 && holds_only((slice){zone + (zone < s.end), s.end}, "-._");
}

/* Letters outside ASCII may be of an international name; a socket may have any path. */
static bool is_host(slice s)
{
    if (length(s) == 0 || *s.start == '/' || is_ipv6(s)) {
        return true;
    }
    for (const char *at = s.start; at < s.end; at++) {
        if ((*at & 0x80) == 0 && !holds_only((slice){at, at + 1}, "-._")) {
            return false;
        }
    }
    return true;
}

static bool is_address(slice s)
{
    return holds_only(s, ".") || is_ipv6(s);
}

static bool is_port(slice s)
{
    int port = 0;
    for (const char *at = s.start; at < s.end; at++) {
        if (*at < '0' || *at > '9' || length(s) > 5) {
            return false;
        }
        port = port * 10 + (*at - '0');
    }
    return length(s) == 0 || (port >= 1 && port <= 65535);
}

static bool is_number(slice s)
{
    const slice digits = {s.start + (length(s) > 1 && *s.start == '-'), s.end};
    for (const char *at = digits.start; at < digits.end; at++) {
        if (*at < '0' || *at > '9') {
            return false;
        }
    }
    return length(digits) <= 9;
}

static bool every(const char *list, bool (*is_good)(slice))
{
    const slice whole = all_of(list);
    for (const char *at = list;; at++) {
        const slice one = {at, find((slice){at, whole.end}, ",")};
        if (!is_good(one)) {
            return false;
        }
        at = one.end;
        if (at == whole.end) {
            return true;
        }
    }
}

static qst_status refuse(const char *name, const char *why, qst_err *err)
{
    return qst__fail(err, QST_EARGUMENT, "`%s` %s", name, why);
}

static qst_status check_host(const qst_conninfo *info, const char *value, qst_err *err)
{
    if (every(value, is_host)) {
        return QST_OK;
    }
    if (!info->is_uri && !has(all_of(value), "@/=") && has(all_of(value), ":")) {
        return refuse("host", "holds more than a name. Give the port by itself, as port=5432", err);
    }
    return refuse("host",
        "has characters that no host name has. Is it a URI (which comes first and alone), or is "
        "an '@' inside a password not written %40?",
        err);
}

static qst_status check_database(const char *value, qst_err *err)
{
    const bool is_good = !has(all_of(value), "@=") && strstr(value, "://") == NULL &&
                         !begins(value, "postgres:") && !begins(value, "postgresql:");
    return is_good ? QST_OK
                   : refuse("dbname",
                         "holds a whole connection string or a piece of one ('@', '=' or '://'). "
                         "Give that first and alone: pg_connect(\"...\")",
                         err);
}

static qst_status check_user(const char *value, qst_err *err)
{
    return !has(all_of(value), ":=") ? QST_OK
                                     : refuse("user",
                                           "has a ':' or '=', as if a password were in it. "
                                           "Give that as `password`, or in a password file",
                                           err);
}

/* All words of all keywords that have some; which of them fit is libpq's to say. */
static bool is_choice(slice s)
{
    static const char *const words[] = {"disable", "allow", "prefer", "require", "verify-ca",
        "verify-full", "any", "read-write", "read-only", "primary", "standby", "prefer-standby",
        "random", "tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3", "3.0", "3.2", "latest", "postgres",
        "direct", "gssapi", "password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "none"};
    const char *start = s.start + (length(s) > 0 && *s.start == '!');
    bool is_one = start == s.end;
    for (size_t k = 0; k < sizeof words / sizeof *words && !is_one; k++) {
        is_one = strlen(words[k]) == (size_t)(s.end - start) && stands_at(start, words[k]);
    }
    return is_one;
}

static qst_status check_encoding(const char *value, qst_err *err)
{
    const bool is_utf8 = (strlen(value) == 4 && stands_at(value, "utf8")) ||
                         (strlen(value) == 5 && stands_at(value, "utf-8"));
    return is_utf8 ? QST_OK : refuse("client_encoding", "is always UTF8 here. Leave it out", err);
}

static qst_status check_value(const qst_conninfo *info, int k, const char *value, qst_err *err)
{
    const char *name = known[k].name;
    if (known[k].kind == SECRET) {
        return QST_OK;
    }
    if (has_control(value) || hides_password(value)) {
        return refuse(
            name, "has a control character or a password in it. Check blanks and quotes", err);
    }
    switch (known[k].kind) {
    case HOST:
        return check_host(info, value, err);
    case ADDRESS:
        return every(value, is_address) ? QST_OK
                                        : refuse(name, "must be an IP address, or several", err);
    case PORT:
        return every(value, is_port)
                   ? QST_OK
                   : refuse(name,
                         "must be a number from 1 to 65535. In a URI, a '/' or '@' inside the "
                         "password is written %2F or %40",
                         err);
    case USER:
        return check_user(value, err);
    case DATABASE:
        return check_database(value, err);
    case NUMBER:
        return is_number(all_of(value)) ? QST_OK : refuse(name, "must be a whole number", err);
    case ENCODING:
        return check_encoding(value, err);
    case CHOICE:
        return every(value, is_choice) ? QST_OK
                                       : refuse(name, "is none of the words it can be", err);
    default:
        return QST_OK;
    }
}

qst_status qst_conninfo_check(const qst_conninfo *info, qst_err *err)
{
    qst_status status = QST_OK;
    for (int k = 0; k < N_KNOWN && status == QST_OK; k++) {
        if (info->values[k] != NULL) {
            status = check_value(info, k, info->values[k], err);
        }
    }
    return status;
}

/* ---- Whose certificate is looked at ---- */

/* 127.0.0.0/8 in full, as 127.example.org is anywhere. */
static bool is_loopback(slice s)
{
    int dots = 0;
    for (const char *at = s.start; at < s.end; at++) {
        dots += *at == '.';
        if (*at != '.' && (*at < '0' || *at > '9')) {
            return false;
        }
    }
    return length(s) >= 9 && begins(s.start, "127.") && dots == 3;
}

static bool is_here(slice s)
{
    return length(s) == 0 || *s.start == '/' || is_loopback(s) || equals(s, "::1") ||
           (length(s) == 9 && stands_at(s.start, "localhost"));
}

/* The next of a list; the end again once it is over. */
static slice next_of(const char **at)
{
    const slice one = {*at, find(all_of(*at), ",")};
    *at = one.end + (*one.end == ',');
    return one;
}

bool qst_conninfo_is_local(const qst_conninfo *info)
{
    const char *hosts = qst_conninfo_get(info, "host");
    const char *addresses = qst_conninfo_get(info, "hostaddr");
    hosts = hosts != NULL ? hosts : "";
    addresses = addresses != NULL ? addresses : "";
    bool is_local = true;
    do {
        const slice host = next_of(&hosts), address = next_of(&addresses);
        is_local = is_local && is_here(length(address) > 0 ? address : host);
    } while (*hosts != '\0' || *addresses != '\0');
    return is_local;
}

qst_status qst_conninfo_secure(qst_conninfo *info, bool accept_unverified, qst_err *err)
{
    const char *mode = qst_conninfo_get(info, "sslmode");
    const bool is_asked = mode != NULL && mode[0] != '\0';
    if (qst_conninfo_is_local(info) || (is_asked && accept_unverified)) {
        return QST_OK;
    }
    if (is_asked && strcmp(mode, "verify-full") != 0) {
        return qst__fail(err, QST_EARGUMENT,
            "sslmode=%s does not make sure who the server is, and it is not this machine. Leave "
            "sslmode out, for verify-full, or say certificate = \"do not verify\"",
            mode);
    }
    return qst_conninfo_set(info, "sslmode", accept_unverified ? "require" : "verify-full", 0, err);
}

/* ---- Secrets in texts ---- */

static bool is_word_byte(char c)
{
    return (c & 0x80) != 0 || holds_only((slice){&c, &c + 1}, "_");
}

/* Bytes of the longest secret that stands at this place of `text`, 0 if none does: of one that
 * begins as another does no tail may be left. */
static size_t secret_at(const qst_conninfo *info, const char *text, const char *at)
{
    size_t longest = 0;
    for (const piece *p = info->pieces; p != NULL; p = p->next) {
        const size_t n = p->is_secret ? strlen(p->text) : 0;
        if (n > longest && strncmp(at, p->text, n) == 0 &&
            (n >= SHORTEST_SECRET || ((at == text || !is_word_byte(at[-1])) &&
                                         (at[n] == '\0' || !is_word_byte(at[n]))))) {
            longest = n;
        }
    }
    return longest;
}

/* n bytes become up to three stars. */
static char *cover(char *at, size_t n)
{
    const size_t stars = n < 3 ? n : 3;
    memset(at, '*', stars);
    memmove(at + stars, at + n, strlen(at + n) + 1);
    return at + stars;
}

void qst_conninfo_scrub(const qst_conninfo *info, char *text)
{
    char *at = text;
    while (*at != '\0') {
        const size_t n = secret_at(info, text, at);
        at = n > 0 ? cover(at, n) : at + 1;
    }
}

bool qst_conninfo_betrays(const qst_conninfo *info, const char *text)
{
    bool betrays = false;
    for (const piece *p = info->pieces; p != NULL && !betrays; p = p->next) {
        const bool is_secret = p->is_secret && p->text[0] != '\0';
        betrays = is_secret && (strstr(text, p->text) != NULL ||
                                   (strlen(text) >= 3 && strstr(p->text, text) != NULL));
    }
    return betrays;
}

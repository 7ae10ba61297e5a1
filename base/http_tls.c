/* The certificate of the server, followed while it runs: its files are looked at by the
 * ticker, and when they changed and then stayed as they are for a turn (who renews
 * writes two files), the new pair is what the next connection is shown. Those that are
 * open go on.
 *
 * The library asks for the pair at each handshake, on its own threads. A pair that was
 * replaced is kept for longer than a handshake can take.
 *
 * How it can fail: at the beginning the files must be there and belong together
 * (ISO_IO, ISO_SETTING). Later a pair that does not is logged, once for each state of
 * the files, and the old one stays.
 */
#include <gnutls/abstract.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/http_visit.h"
#include "base/log.h"
#include "base/mem.h"

enum { CHAIN_MAX = 16, PEM_MAX = 1 << 20, KEPT_MS = 600000 };

struct pair {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned count; /* of the chain */
    gnutls_privkey_t key;
    struct pair *older;
    int64_t replaced_ms; /* steady; 0: it is the newest */
};

/* What tells one state of a file from another; all 0: it is not there. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct iso_http_tls {
    char *certificate, *key;          /* paths */
    struct stamp shown[2], newest[2]; /* as taken, or refused; as seen last */
    pthread_mutex_t lock;             /* of what follows */
    struct pair *pairs;               /* the newest first */
};

/* ---- a pair ---- */

static void pair_free(struct pair *pair)
{
    if (pair == NULL)
        return;
    for (unsigned i = 0; i < pair->count; i++)
        gnutls_pcert_deinit(&pair->chain[i]);
    if (pair->key != NULL)
        gnutls_privkey_deinit(pair->key);
    iso_free(pair);
}

static gnutls_datum_t datum(const struct iso_buf *buf)
{
    return (gnutls_datum_t){.data = buf->data, .size = (unsigned)buf->size};
}

/* Do they belong together? */
static int pair_check(const gnutls_datum_t *certificate, const gnutls_datum_t *key)
{
    gnutls_certificate_credentials_t both;
    int failed = gnutls_certificate_allocate_credentials(&both);
    if (failed != 0)
        return failed;
    failed = gnutls_certificate_set_x509_key_mem(both, certificate, key,
                                                 GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(both);
    return failed < 0 ? failed : 0;
}

static int pair_import(struct pair *pair, const gnutls_datum_t *certificate,
                       const gnutls_datum_t *key)
{
    unsigned count = CHAIN_MAX;
    int failed = pair_check(certificate, key);
    if (failed == 0)
        failed = gnutls_pcert_list_import_x509_raw(
            pair->chain, &count, certificate, GNUTLS_X509_FMT_PEM,
            GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED |
                GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
    if (failed < 0)
        return failed;
    pair->count = count;
    failed = gnutls_privkey_init(&pair->key);
    if (failed != 0)
        return failed;
    return gnutls_privkey_import_x509_raw(pair->key, key, GNUTLS_X509_FMT_PEM, NULL, 0);
}

static enum iso_err pair_load(const struct iso_http_tls *tls, struct pair **pair,
                              struct iso_why *why)
{
    struct iso_buf certificate = {0}, key = {0};
    *pair = iso_alloc_zero(1, sizeof **pair);
    enum iso_err err = iso_http_read_file(tls->certificate, PEM_MAX, &certificate, why);
    if (err == ISO_OK)
        err = iso_http_read_file(tls->key, PEM_MAX, &key, why);
    if (err == ISO_OK) {
        gnutls_datum_t chain = datum(&certificate), secret = datum(&key);
        int failed = pair_import(*pair, &chain, &secret);
        if (failed != 0)
            err = iso_fail(why, ISO_SETTING,
                           "HTTP: %s and %s make no certificate with its key (%s): "
                           "give the PEM files of both",
                           tls->certificate, tls->key, gnutls_strerror(failed));
    }
    if (err != ISO_OK) {
        pair_free(*pair);
        *pair = NULL;
    }
    iso_buf_release(&certificate);
    iso_http_release_secret(&key);
    return err;
}

/* ---- following the files ---- */

static struct stamp stamp_of(const char *path)
{
    struct stat is;
    struct stamp stamp;
    memset(&stamp, 0, sizeof stamp);
    if (stat(path, &is) != 0)
        return stamp;
    stamp.device = is.st_dev;
    stamp.inode = is.st_ino;
    stamp.size = is.st_size;
    stamp.changed = is.st_mtim;
    return stamp;
}

static void stamps_take(const struct iso_http_tls *tls, struct stamp stamps[2])
{
    stamps[0] = stamp_of(tls->certificate);
    stamps[1] = stamp_of(tls->key);
}

static bool stamps_equal(const struct stamp a[2], const struct stamp b[2])
{
    for (int i = 0; i < 2; i++) {
        if (a[i].device != b[i].device || a[i].inode != b[i].inode ||
            a[i].size != b[i].size || a[i].changed.tv_sec != b[i].changed.tv_sec ||
            a[i].changed.tv_nsec != b[i].changed.tv_nsec)
            return false;
    }
    return true;
}

static void pair_show(struct iso_http_tls *tls, struct pair *pair, int64_t now_ms)
{
    pthread_mutex_lock(&tls->lock);
    if (tls->pairs != NULL)
        tls->pairs->replaced_ms = now_ms;
    pair->older = tls->pairs;
    tls->pairs = pair;
    pthread_mutex_unlock(&tls->lock);
}

/* Those that no handshake can still be using. */
static void pairs_sweep(struct iso_http_tls *tls, int64_t now_ms)
{
    pthread_mutex_lock(&tls->lock);
    struct pair **at = &tls->pairs->older;
    while (*at != NULL && now_ms - (*at)->replaced_ms < KEPT_MS)
        at = &(*at)->older;
    struct pair *old = *at;
    *at = NULL;
    pthread_mutex_unlock(&tls->lock);
    while (old != NULL) {
        struct pair *older = old->older;
        pair_free(old);
        old = older;
    }
}

void iso_http_tls_follow(struct iso_http_tls *tls, int64_t now_ms)
{
    struct stamp stamps[2];
    struct iso_why why;
    struct pair *pair;
    if (tls == NULL)
        return;
    pairs_sweep(tls, now_ms);
    stamps_take(tls, stamps);
    bool still = stamps_equal(stamps, tls->newest);
    memcpy(tls->newest, stamps, sizeof stamps);
    if (!still || stamps_equal(stamps, tls->shown))
        return;
    memcpy(tls->shown, stamps, sizeof stamps);
    if (pair_load(tls, &pair, &why) != ISO_OK) {
        iso_log(ISO_ERROR, "http.certificate",
                "why=\"%.500s; the certificate that was loaded before stays\"",
                why.text);
        return;
    }
    pair_show(tls, pair, now_ms);
    iso_log(ISO_INFO, "http.certificate", "file=%s what=\"the new one is shown\"",
            tls->certificate);
}

/* ---- what the library asks ---- */

/* GnuTLS's gnutls_certificate_retrieve_function2; the session is a connection's. */
static int pair_ask(gnutls_session_t session, const gnutls_datum_t *authorities,
                    int authority_count, const gnutls_pk_algorithm_t *algorithms,
                    int algorithm_count, gnutls_pcert_st **chain, unsigned *count,
                    gnutls_privkey_t *key)
{
    (void)authorities;
    (void)authority_count;
    (void)algorithms;
    (void)algorithm_count;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        gnutls_session_get_ptr(session), MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    const struct iso_http_visit *visit = info == NULL ? NULL : info->socket_context;
    if (visit == NULL)
        return -1;
    struct iso_http_tls *tls = visit->http->tls;
    pthread_mutex_lock(&tls->lock);
    *chain = tls->pairs->chain;
    *count = tls->pairs->count;
    *key = tls->pairs->key;
    pthread_mutex_unlock(&tls->lock);
    return 0;
}

void iso_http_tls_option(struct MHD_OptionItem *option)
{
    gnutls_certificate_retrieve_function2 *asked = pair_ask;
    *option = (struct MHD_OptionItem){.option = MHD_OPTION_HTTPS_CERT_CALLBACK};
    memcpy(&option->ptr_value, &asked, sizeof asked);
}

/* ---- open and close ---- */

enum iso_err iso_http_tls_open(const char *certificate, const char *key,
                               struct iso_http_tls **tls, struct iso_why *why)
{
    struct iso_http_tls *opened = iso_alloc_zero(1, sizeof *opened);
    opened->certificate = iso_strdup(certificate);
    opened->key = iso_strdup(key);
    pthread_mutex_init(&opened->lock, NULL);
    stamps_take(opened, opened->shown); /* what changes meanwhile is news */
    memcpy(opened->newest, opened->shown, sizeof opened->shown);
    enum iso_err err = pair_load(opened, &opened->pairs, why);
    if (err != ISO_OK) {
        iso_http_tls_close(opened);
        return err;
    }
    *tls = opened;
    return ISO_OK;
}

void iso_http_tls_close(struct iso_http_tls *tls)
{
    if (tls == NULL)
        return;
    while (tls->pairs != NULL) {
        struct pair *pair = tls->pairs;
        tls->pairs = pair->older;
        pair_free(pair);
    }
    pthread_mutex_destroy(&tls->lock);
    iso_free(tls->certificate);
    iso_free(tls->key);
    iso_free(tls);
}

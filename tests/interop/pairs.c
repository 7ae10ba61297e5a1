/* Draws writer's and reader's schemas and data, and writes down what we make of them:
 *
 *   interop_pairs [--pairs N] [--from N] [--data N] [--seed N] [--planted FAULT]
 *
 *   P TAB number TAB what iso_avro_can_read says TAB writer TAB reader TAB the writer's
 *     fingerprint
 *   D TAB datum TAB its JSON TAB the datum as the reader sees it   (in hexadecimal, or
 *     "!" and why not; each D is of the P before it)
 *
 * Pair n of a seed is the same whatever --from and --pairs are. A FAULT is a mistake
 * that is made in some of the answers, to show that the comparison sees it. */
#include <getopt.h>
#include <stdio.h>

#include "schema/avro_resolve.h"
#include "tests/unit/avro_evolve.h"

enum fault { NO_FAULT, BYTE, REFUSED, TAKEN, JSON, VERDICT, FAULTS };
static const char *const faults[FAULTS] = {
    [NO_FAULT] = "none", [BYTE] = "byte", [REFUSED] = "refused",
    [TAKEN] = "taken",   [JSON] = "json", [VERDICT] = "verdict"};

/* Each so many answers that could have the fault have it. */
enum { PLANTED_EACH = 20 };

struct options {
    uint64_t pairs, from, data, seed;
    enum fault planted;
};

struct pair {
    struct drawer drawer;
    struct model model;
    struct iso_avro *writer, *reader;
    struct iso_avro_resolution *resolution;
    json_t *type;
    enum fault planted;
};

static uint64_t planted_seen;

static bool plant(const struct pair *pair, enum fault fault)
{
    return pair->planted == fault && planted_seen++ % PLANTED_EACH == 0;
}

static struct iso_avro *parse(json_t *type, char **text)
{
    struct iso_avro *schema = NULL;
    struct iso_why why;
    *text = json_dumps(type, JSON_ENCODE_ANY | JSON_COMPACT);
    if (iso_avro_parse(iso_bytes_text(*text), &schema, &why) != ISO_OK) {
        fprintf(stderr,
                "interop_pairs: a schema was drawn that does not parse: %s: %s\n",
                why.text, *text);
        exit(EXIT_FAILURE);
    }
    return schema;
}

static void hex_print(struct iso_bytes bytes)
{
    struct iso_buf hex = {0};
    iso_hex_encode(&hex, bytes);
    fputs(iso_buf_text(&hex), stdout);
    iso_buf_release(&hex);
}

/* Mostly a schema that has become another; sometimes two that never met. */
static json_t *reader_draw(struct pair *pair)
{
    struct drawer *drawer = &pair->drawer;
    if (below(&drawer->chance, 30) != 0)
        return evolve(&drawer->chance, pair->type);
    json_array_clear(drawer->done);
    return type_draw(drawer, "", 2, false);
}

static void pair_draw(struct pair *pair, const struct options *options, uint64_t number)
{
    struct drawer *drawer = &pair->drawer;
    iso_chance_seeded_init(&drawer->chance,
                           options->seed + number * 0x632be59bd9b4e019u);
    pair->planted = options->planted;
    drawer->done = json_array();
    drawer->open = json_array();
    pair->type = type_draw(drawer, "", 0, false);
    pair->model.named = json_object();
    names_collect(pair->model.named, pair->type, "");
    json_t *evolved = reader_draw(pair);
    char *writer, *reader;
    pair->writer = parse(pair->type, &writer);
    pair->reader = parse(evolved, &reader);
    pair->resolution = iso_avro_resolution_new(pair->writer, pair->reader);
    struct iso_why why = {0};
    enum iso_err err = iso_avro_can_read(pair->reader, pair->writer, &why);
    if (err != ISO_OK && plant(pair, VERDICT))
        err = ISO_OK;
    printf("P\t%llu\t%s\t%s\t%s\t", (unsigned long long)number,
           err == ISO_OK ? "yes" : why.text, writer, reader);
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
    iso_avro_fingerprint(pair->writer, fingerprint);
    hex_print(iso_bytes(fingerprint, sizeof fingerprint));
    printf("\n");
    json_decref(evolved);
    free(writer);
    free(reader);
}

static void pair_release(struct pair *pair)
{
    iso_avro_resolution_free(pair->resolution);
    iso_avro_free(pair->writer);
    iso_avro_free(pair->reader);
    json_decref(pair->model.named);
    json_decref(pair->type);
    json_decref(pair->drawer.done);
    json_decref(pair->drawer.open);
}

/* What we make of it, and what stands there instead when a fault is planted. */
static void answer_print(const struct pair *pair, struct iso_bytes datum)
{
    struct iso_buf out = {0};
    struct iso_why why = {0};
    enum iso_err err = iso_avro_read_as(pair->resolution, datum, &out, &why);
    if (err == ISO_OK && out.size > 0 && plant(pair, BYTE))
        out.data[out.size - 1] ^= 1;
    if (err == ISO_OK && plant(pair, REFUSED)) {
        err = ISO_INCOMPATIBLE;
        snprintf(why.text, sizeof why.text, "planted");
    } else if (err != ISO_OK && plant(pair, TAKEN)) {
        err = ISO_OK;
        iso_buf_add_bytes(&out, datum);
    }
    if (err == ISO_OK)
        hex_print(iso_buf_bytes(&out));
    else
        printf("!%s", why.text);
    iso_buf_release(&out);
}

static void datum_print(struct pair *pair, struct iso_bytes datum)
{
    struct iso_buf json = {0};
    struct iso_why why;
    if (iso_avro_to_json(pair->writer, datum, &json, &why) != ISO_OK)
        iso_buf_print(&json, "\"!%s\"", why.text);
    if (plant(pair, JSON)) {
        iso_buf_clear(&json);
        iso_buf_print(&json, "\"planted\"");
    }
    printf("D\t");
    hex_print(datum);
    printf("\t%s\t", iso_buf_text(&json));
    answer_print(pair, datum);
    printf("\n");
    iso_buf_release(&json);
}

/* Some dive deeper than data may be nested: those are not shown. */
static void data_draw(struct pair *pair, uint64_t data)
{
    struct iso_buf datum = {0};
    for (uint64_t i = 0; i < data;) {
        datum_begin(&pair->drawer, &pair->model, pair->type, &datum);
        if (iso_avro_check(pair->writer, iso_buf_bytes(&datum), NULL) != ISO_OK)
            continue;
        datum_print(pair, iso_buf_bytes(&datum));
        i++;
    }
    iso_buf_release(&datum);
}

static int usage(void)
{
    fprintf(stderr, "usage: interop_pairs [--pairs N] [--from N] [--data N] [--seed N] "
                    "[--planted byte|refused|taken|json|verdict]\n");
    return EXIT_FAILURE;
}

static bool options_read(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {{"pairs", required_argument, NULL, 'p'},
                                          {"from", required_argument, NULL, 'f'},
                                          {"data", required_argument, NULL, 'd'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"planted", required_argument, NULL, 'x'},
                                          {0}};
    uint64_t *const numbers[] = {['p'] = &options->pairs,
                                 ['f'] = &options->from,
                                 ['d'] = &options->data,
                                 ['s'] = &options->seed};
    int letter;
    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        char *end = NULL;
        if (letter == '?')
            return false;
        if (letter != 'x') {
            *numbers[letter] = strtoull(optarg, &end, 10);
            if (*end != '\0' || end == optarg)
                return false;
            continue;
        }
        while (options->planted < FAULTS &&
               strcmp(optarg, faults[options->planted]) != 0)
            options->planted++;
    }
    return optind == argc && options->planted < FAULTS;
}

int main(int argc, char **argv)
{
    struct options options = {.pairs = 100, .data = 10, .seed = 1};
    if (!options_read(&options, argc, argv))
        return usage();
    for (uint64_t n = options.from; n < options.from + options.pairs; n++) {
        struct pair pair = {0};
        pair_draw(&pair, &options, n);
        data_draw(&pair, options.data);
        pair_release(&pair);
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

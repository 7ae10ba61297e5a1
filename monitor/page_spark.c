/* A trend as lines of an SVG, made where the page is made: it needs no script. All
 * lines share one scale from 0 to the largest value. What is not known breaks a line,
 * and a value between two unknown ones is a dot. Nothing here can fail. */
#include "monitor/page.h"

enum { SPARK_WIDTH = 600, SPARK_HEIGHT = 120, SMALL_WIDTH = 120, SMALL_HEIGHT = 24 };

static int64_t field_of(const struct iso_sample *sample, size_t field)
{
    int64_t value;
    memcpy(&value, (const char *)sample + field, sizeof value);
    return value;
}

size_t iso_page_trend(const struct iso_page *page, const struct iso_status_pair *pair,
                      enum iso_trend trend, struct iso_sample *samples, size_t max)
{
    return iso_watch_samples(
        page->view->watch,
        &(struct iso_watch_pair){.collection = page->collection->name,
                                 .source = pair->row.source,
                                 .target = pair->row.target},
        trend, samples, max);
}

int64_t iso_page_most(const struct iso_sample *samples, size_t count, size_t field)
{
    int64_t most = ISO_UNKNOWN_MS;
    for (size_t i = 0; i < count; i++) {
        int64_t value = field_of(&samples[i], field);
        most =
            value > most ? value : most; /* ISO_UNKNOWN_MS is the smallest there is */
    }
    return most;
}

struct spark_scale {
    int64_t from_ms, span_ms, most;
    double width, height;
};

static void point(struct iso_buf *out, const struct spark_scale *scale, char command,
                  const struct iso_sample *sample, int64_t value)
{
    double x = (double)(sample->at_ms - scale->from_ms) / (double)scale->span_ms;
    double y = 1.0 - (double)value / (double)scale->most;
    iso_buf_print(out, "%c%.1f %.1f", command, x * scale->width,
                  2.0 + y * (scale->height - 4.0));
}

static void line(struct iso_buf *out, const struct iso_page_spark *spark,
                 const struct spark_scale *scale, const struct iso_page_line *of)
{
    iso_page_add(
        out,
        "<path class=\"%s\" fill=\"none\" vector-effect=\"non-scaling-stroke\" d=\"",
        of->class);
    bool begun = false;
    size_t points = 0;
    for (size_t i = 0; i < spark->count; i++) {
        const struct iso_sample *sample = &spark->samples[i];
        int64_t value = field_of(sample, of->field);
        if (sample->at_ms < spark->from_ms || value == ISO_UNKNOWN_MS) {
            begun = false;
            continue;
        }
        if (!begun) { /* a line of no length shows as a dot */
            point(out, scale, 'M', sample, value);
            iso_page_add(out, "h0.1");
        } else {
            point(out, scale, 'L', sample, value);
        }
        begun = true;
        points++;
    }
    iso_page_add(out, points == 0 ? "M0 0\"/>" : "\"/>");
}

void iso_page_spark(struct iso_buf *out, const struct iso_page_spark *spark)
{
    struct spark_scale scale = {
        .from_ms = spark->from_ms,
        .span_ms = spark->to_ms > spark->from_ms ? spark->to_ms - spark->from_ms : 1,
        .most = 1,
        .width = spark->small ? SMALL_WIDTH : SPARK_WIDTH,
        .height = spark->small ? SMALL_HEIGHT : SPARK_HEIGHT};
    for (size_t i = 0; i < spark->line_count; i++) {
        int64_t most =
            iso_page_most(spark->samples, spark->count, spark->lines[i].field);
        scale.most = most > scale.most ? most : scale.most;
    }
    iso_page_add(
        out,
        "<svg class=\"%s\" role=\"img\" aria-label=\"%s\" viewBox=\"0 0 %d %d\" "
        "preserveAspectRatio=\"none\" focusable=\"false\">",
        spark->small ? "spark small" : "spark", spark->label, (int)scale.width,
        (int)scale.height);
    for (size_t i = 0; i < spark->line_count; i++)
        line(out, spark, &scale, &spark->lines[i]);
    iso_page_add(out, "</svg>");
}

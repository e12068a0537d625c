/* Envelope: one record's bytes become a row of cells, and what its envelope says. */

#ifndef STREAMS_ENVELOPE_H
#define STREAMS_ENVELOPE_H

#include "reader.h"
#include "scan.h"

static const char MARK[] = "__debezium_unavailable_value"; /* stands for a column that was not sent */

typedef struct {
    int64_t committed_ms;
    bool has_committed, has_op, has_after, has_before, has_source;
    char operation; /* Debezium's letter */
    int64_t partition, clock_ms, time_ms; /* what an exchange says of an event upstream */
} Envelope;

static const Column *find_column(const Reader *reader, Place at, Place end, Py_ssize_t *expected)
{
    for (Py_ssize_t tried = 0; tried < reader->read_count; tried++) {
        Py_ssize_t place = (*expected + tried) % reader->read_count;
        const Column *column = &reader->columns[place];
        if (column->name_length == end - at && !memcmp(column->name, at, (size_t)(end - at))) {
            *expected = place + 1;
            return column;
        }
    }
    return NULL;
}

/* From behind a name to its value. */
static Place skip_colon(Place at)
{
    at = skip_space(at + 1);
    return *at == ':' ? skip_space(at + 1) : NULL;
}

/* From behind a value to the next name, or to the closing brace. */
static Place skip_comma(Place at)
{
    at = skip_space(at);
    if (*at == '}')
        return at;
    if (*at != ',')
        return NULL;
    at = skip_space(at + 1);
    return *at == '"' ? at : NULL;
}

static Place open_object(Place at)
{
    at = skip_space(at + 1);
    return *at == '"' || *at == '}' ? at : NULL;
}

/* The row at a place; each of its columns once, and no other. */
static Place read_row(const Reader *reader, Place at, Cell *cells)
{
    Py_ssize_t expected = 0;
    if (*at != '{')
        return NULL;
    for (at = open_object(at); at && *at != '}'; at = at ? skip_comma(at) : NULL) {
        Place name = at + 1;
        if (!(at = scan_text(name)))
            return NULL;
        const Column *column = find_column(reader, name, at, &expected);
        if (!column || cells[column - reader->columns].state != ABSENT || !(at = skip_colon(at)))
            return NULL;
        at = read_cell(column, at, &cells[column - reader->columns]);
    }
    for (Py_ssize_t place = 0; place < reader->read_count; place++)
        if (reader->columns[place].is_required && cells[place].state == ABSENT)
            return NULL;
    return at ? at + 1 : NULL;
}

static Place read_source(Place at, Envelope *envelope)
{
    if (*at == 'n')
        return skip_word(at, "null", 4);
    if (*at != '{')
        return NULL;
    bool is_told = false;
    for (at = open_object(at); at && *at != '}'; at = at ? skip_comma(at) : NULL) {
        Place name = at + 1;
        if (!(at = scan_text(name)))
            return NULL;
        bool is_time = at - name == 5 && !memcmp(name, "ts_ms", 5);
        if (!(at = skip_colon(at)) || (is_time && is_told))
            return NULL;
        if (!is_time || *at == 'n') {
            is_told |= is_time;
            at = skip_value(at, 2);
            continue;
        }
        Number number = {0, 0};
        at = scan_number(at, &number);
        if (number.scale)
            return NULL;
        envelope->committed_ms = number.digits;
        envelope->has_committed = is_told = true;
    }
    return at ? at + 1 : NULL;
}

/* INSERT, UPDATE or READ. */
static Place read_operation(Place at, Envelope *envelope)
{
    if (*at != '"' || !at[1] || !strchr("cur", at[1]) || at[2] != '"')
        return NULL;
    envelope->operation = (char)at[1];
    return at + 3;
}

/* One part of an envelope; a second one of the same name would be another's business. */
static Place read_part(const Reader *reader, Place name, Py_ssize_t length, Place at, Envelope *envelope, Cell *cells)
{
    bool *has = NULL;
    if (length == 2 && !memcmp(name, "op", 2))
        has = &envelope->has_op;
    else if (length == 5 && !memcmp(name, "after", 5))
        has = &envelope->has_after;
    else if (length == 6 && !memcmp(name, "before", 6))
        has = &envelope->has_before;
    else if (length == 6 && !memcmp(name, "source", 6))
        has = &envelope->has_source;
    if (!has)
        return skip_value(at, 1);
    if (*has)
        return NULL;
    *has = true;
    if (has == &envelope->has_op)
        return read_operation(at, envelope);
    if (has == &envelope->has_after)
        return read_row(reader, at, cells);
    if (has == &envelope->has_source)
        return read_source(at, envelope);
    return *at == 'n' || *at == '{' ? skip_value(at, 1) : NULL;
}

static Place read_envelope(const Reader *reader, Place at, Envelope *envelope, Cell *cells)
{
    if (*at != '{')
        return NULL;
    for (at = open_object(at); at && *at != '}'; at = at ? skip_comma(at) : NULL) {
        Place name = at + 1;
        if (!(at = scan_text(name)))
            return NULL;
        Py_ssize_t length = at - name;
        if ((at = skip_colon(at)))
            at = read_part(reader, name, length, at, envelope, cells);
    }
    return at && envelope->has_op && envelope->has_after ? at + 1 : NULL;
}

/* The number of a member whose name and what stands before it is expected there. */
static Place take_member(Place at, const char *lead, int64_t *number)
{
    Number read = {0, 0};
    at = at ? skip_word(at, lead, strlen(lead)) : NULL;
    at = at ? scan_number(at, &read) : NULL;
    *number = read.digits;
    return read.scale ? NULL : at;
}

static bool is_next(Place at, const char *lead) { return at && !strncmp((const char *)at, lead, strlen(lead)); }

/* A change that an exchange has sent (streams.pipeline.exchange.wire), as it and carry.h write it and no other way. */
static Place read_carried(const Reader *reader, Place at, Envelope *envelope, Cell *cells)
{
    int64_t offset;
    at = take_member(at, "{\"k\":\"e\",\"p\":", &envelope->partition);
    if (is_next(at, ",\"q\":"))
        at = take_member(at, ",\"q\":", &offset);
    at = take_member(take_member(at, ",\"c\":", &envelope->clock_ms), ",\"t\":", &envelope->time_ms);
    envelope->operation = is_next(at, ",\"o\":\"u\"") ? 'u' : 'c';
    if (at && envelope->operation == 'u')
        at += strlen(",\"o\":\"u\"");
    at = at ? skip_word(at, ",\"r\":", 5) : NULL;
    at = at ? read_row(reader, at, cells) : NULL;
    envelope->has_committed = true;
    if (is_next(at, ",\"m\":"))
        at = take_member(at, ",\"m\":", &envelope->committed_ms);
    return at && *at == '}' ? at + 1 : NULL;
}

static bool read_value(const Reader *reader, Place start, Py_ssize_t length, Envelope *envelope, Cell *cells)
{
    Place end = start + length, at = skip_space(start);
    if (reader->may_hide && memmem(start, (size_t)(end - start), MARK, sizeof MARK - 1))
        return false;
    at = reader->is_carried ? read_carried(reader, at, envelope, cells) : read_envelope(reader, at, envelope, cells);
    return at && skip_space(at) == end;
}

#endif

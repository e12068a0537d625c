/* Columns: what a plain value of each may be. As in streams.contracts.accept, less than the schema admits, never more. */

#ifndef STREAMS_COLUMNS_H
#define STREAMS_COLUMNS_H

#include <Python.h>

#include "scan.h"

enum { MOST_BOUNDS = 4 };

typedef struct {
    int kind; /* one of "<>", or 'l' and 'g' for less or greater or equal */
    int64_t limit;
} Bound;

typedef struct {
    const char *name; /* UTF-8, as it stands between the quotes */
    Py_ssize_t name_length;
    int kind; /* i(nteger) n(umber) b(oolean) w(ord of a list) t(ext) e(mail) d(ate) m(oment) u(uid) a(ny of these) */
    int is_required, is_nullable;
    Bound bounds[MOST_BOUNDS];
    int bound_count;
    Py_ssize_t least_length, most_length; /* characters; -1: any */
    PyObject *words;                      /* tuple of bytes */
} Column;

/* What a record says of a column: text in it, quotes included, and the number that it is; of moments, milliseconds. */
typedef struct {
    Place start;
    int64_t digits;
    uint32_t length;
    uint8_t state; /* ABSENT, EMPTY (null) or HELD */
    uint8_t scale; /* NO_NUMBER: whoever needs one must look at the text */
} Cell;

enum { ABSENT, EMPTY, HELD };
enum { NO_NUMBER = 255 };

static const __int128 POWERS[] = {1, 10, 100, 1000, 10000, 100000, 1000000};

static bool holds_bounds(const Column *column, const Number *number)
{
    for (int place = 0; place < column->bound_count; place++) {
        __int128 limit = column->bounds[place].limit * POWERS[number->scale], digits = number->digits;
        int kind = column->bounds[place].kind;
        if (kind == 'g' ? digits < limit : kind == 'l' ? digits > limit : kind == '>' ? digits <= limit : digits >= limit)
            return false;
    }
    return true;
}

static bool holds_length(const Column *column, Place at, Place end)
{
    if (column->least_length < 0 && column->most_length < 0)
        return true;
    Py_ssize_t characters = 0;
    for (; at < end; at++)
        characters += (*at & 0xC0) != 0x80;
    return characters >= column->least_length && (column->most_length < 0 || characters <= column->most_length);
}

static bool is_word(const Column *column, Place at, Py_ssize_t length)
{
    for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(column->words); place++) {
        PyObject *word = PyTuple_GET_ITEM(column->words, place);
        if (PyBytes_GET_SIZE(word) == length && !memcmp(PyBytes_AS_STRING(word), at, (size_t)length))
            return true;
    }
    return false;
}

static bool is_letter(unsigned char byte) { return (unsigned char)((byte | 0x20) - 'a') < 26; }

static bool is_alphanumeric(unsigned char byte) { return is_letter(byte) || is_digit(byte); }

/* As many of a class as there are; NULL where these are fewer than one or more than most. */
static Place skip_class(Place at, bool (*is_in)(unsigned char), int least, int most)
{
    Place first = at;
    while (is_in(*at))
        at++;
    return at - first >= least && at - first <= most ? at : NULL;
}

/* [A-Za-z0-9]{1,30}([._+-][A-Za-z0-9]{1,15}){0,2}@[A-Za-z0-9]{1,60}(\.[A-Za-z]{2,20}){1,3} */
static bool is_email(Place at, Place end)
{
    if (!(at = skip_class(at, is_alphanumeric, 1, 30)))
        return false;
    for (int parts = 0; parts < 2 && *at && strchr("._+-", *at); parts++)
        if (!(at = skip_class(at + 1, is_alphanumeric, 1, 15)))
            return false;
    if (*at != '@' || !(at = skip_class(at + 1, is_alphanumeric, 1, 60)))
        return false;
    for (int parts = 0; parts < 3 && *at == '.'; parts++) {
        if (!(at = skip_class(at + 1, is_letter, 2, 20)))
            return false;
        if (at == end)
            return true;
    }
    return false;
}

/* A day of any month: up to the 28th. */
static bool is_date(Place at, Place end)
{
    if (end - at != 10 || at[4] != '-' || at[7] != '-')
        return false;
    for (int place = 0; place < 10; place++)
        if (place != 4 && place != 7 && !is_digit(at[place]))
            return false;
    int month = (at[5] - '0') * 10 + at[6] - '0', day = (at[8] - '0') * 10 + at[9] - '0';
    return month >= 1 && month <= 12 && day >= 1 && day <= 28;
}

static bool is_uuid(Place at, Place end)
{
    if (end - at != 36)
        return false;
    for (int place = 0; place < 36; place++) {
        bool is_dash = place == 8 || place == 13 || place == 18 || place == 23;
        if (is_dash ? at[place] != '-' : !(is_digit(at[place]) || (at[place] >= 'a' && at[place] <= 'f')))
            return false;
    }
    return true;
}

/* A number of so many digits, no larger than most; -1: it is none. */
static int scan_part(Place at, int digits, int most)
{
    int number = 0;
    for (int place = 0; place < digits; place++) {
        if (!is_digit(at[place]))
            return -1;
        number = number * 10 + at[place] - '0';
    }
    return number <= most ? number : -1;
}

/* Days since the epoch, by the calendar that began in March of the year 0 (Howard Hinnant, chrono-compatible dates). */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = year / 400, year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* RFC 3339, a second's fraction of up to nine digits, zones of less than 13 hours; milliseconds since the epoch. */
static bool scan_moment(Place at, Place end, int64_t *time_ms)
{
    if (end - at < 20 || !is_date(at, at + 10) || at[10] != 'T' || at[13] != ':' || at[16] != ':')
        return false;
    int year = scan_part(at, 4, 9999), month = scan_part(at + 5, 2, 12), day = scan_part(at + 8, 2, 28);
    int hour = scan_part(at + 11, 2, 23), minute = scan_part(at + 14, 2, 59), second = scan_part(at + 17, 2, 59);
    if (year < 1 || hour < 0 || minute < 0 || second < 0)
        return false;
    int64_t millisecond = 0;
    Place zone = at + 19;
    if (*zone == '.') {
        Place first = ++zone;
        for (; is_digit(*zone); zone++)
            millisecond = zone - first < 3 ? millisecond * 10 + *zone - '0' : millisecond;
        if (zone - first < 1 || zone - first > 9)
            return false;
        for (Py_ssize_t digits = zone - first; digits < 3; digits++)
            millisecond *= 10;
    }
    int64_t ahead = 0;
    if (*zone == '+' || *zone == '-') {
        if (end - zone != 6 || zone[3] != ':')
            return false;
        int hours = scan_part(zone + 1, 2, 12), minutes = scan_part(zone + 4, 2, 59);
        if (hours < 0 || minutes < 0)
            return false;
        ahead = (*zone == '-' ? -1 : 1) * (hours * 60 + minutes);
    } else if (*zone != 'Z' || end - zone != 1)
        return false;
    int64_t minutes = (days_of(year, month, day) * 24 + hour) * 60 + minute - ahead;
    *time_ms = (minutes * 60 + second) * 1000 + millisecond;
    return true;
}

static bool holds_text(const Column *column, Place at, Place end, int64_t *time_ms)
{
    switch (column->kind) {
    case 'm':
        return scan_moment(at, end, time_ms) && holds_length(column, at, end);
    case 'w':
        return is_word(column, at, end - at);
    case 'e':
        return is_email(at, end) && holds_length(column, at, end);
    case 'd':
        return is_date(at, end) && holds_length(column, at, end);
    case 'u':
        return is_uuid(at, end) && holds_length(column, at, end);
    default:
        return holds_length(column, at, end);
    }
}

/* A number, a text or a truth value. */
static Place read_any(Place at, Number *number)
{
    if (*at == '-' || is_digit(*at))
        return scan_number(at, number);
    number->scale = NO_NUMBER;
    if (*at != '"')
        return *at == 't' ? skip_word(at, "true", 4) : skip_word(at, "false", 5);
    at = scan_text(at + 1);
    return at ? at + 1 : NULL;
}

/* The value at a place, if it is one that the column surely admits. */
static Place read_cell(const Column *column, Place at, Cell *cell)
{
    Number number = {0, 0};
    Place start = at;
    cell->state = HELD;
    if (*at == 'n') {
        if (!column->is_nullable)
            return NULL;
        cell->state = EMPTY;
        at = skip_word(at, "null", 4);
    } else if (column->kind == 'a') {
        at = read_any(at, &number);
    } else if (column->kind == 'i' || column->kind == 'n') {
        at = scan_number(at, &number);
        if (!at || (number.scale && column->kind == 'i') || !holds_bounds(column, &number))
            return NULL;
    } else if (column->kind == 'b') {
        at = *at == 't' ? skip_word(at, "true", 4) : skip_word(at, "false", 5);
    } else {
        if (*at != '"' || !(at = scan_text(at + 1)) || !holds_text(column, start + 1, at, &number.digits))
            return NULL;
        at++;
    }
    if (!at || at - start > UINT32_MAX)
        return NULL;
    cell->start = start;
    cell->length = (uint32_t)(at - start);
    cell->digits = number.digits;
    cell->scale = (uint8_t)number.scale;
    return at;
}

/* From a tuple (name, kind, is required, is nullable, bounds, least, most, words); its parts outlive the column. */
static int fill_column(Column *column, PyObject *told)
{
    PyObject *bounds;
    if (!PyArg_ParseTuple(told, "y#CppO!nnO!", &column->name, &column->name_length, &column->kind, &column->is_required,
                          &column->is_nullable, &PyTuple_Type, &bounds, &column->least_length, &column->most_length,
                          &PyTuple_Type, &column->words))
        return -1;
    for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(column->words); place++)
        if (!PyBytes_Check(PyTuple_GET_ITEM(column->words, place)))
            return PyErr_SetString(PyExc_TypeError, "words are bytes"), -1;
    if (PyTuple_GET_SIZE(bounds) > MOST_BOUNDS)
        return PyErr_SetString(PyExc_ValueError, "too many bounds"), -1;
    column->bound_count = (int)PyTuple_GET_SIZE(bounds);
    for (int place = 0; place < column->bound_count; place++) {
        long long limit;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(bounds, place), "CL", &column->bounds[place].kind, &limit))
            return -1;
        column->bounds[place].limit = limit;
    }
    return 0;
}

#endif

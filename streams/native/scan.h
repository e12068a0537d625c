/* Scan: strict JSON, read in place, no byte twice.

   A function gives the place behind what it read, NULL for what is not plain; nobody is told why, as whoever gets NULL
   leaves the whole record to Python. Plain is less than JSON: no escapes in texts that are kept, no exponents, numbers of
   at most 18 digits with 6 behind the point, nothing deeper than 16. Texts are valid UTF-8.

   Places lie in a Python bytes object, which ends with a zero byte behind its last: no check of the end is needed where a
   zero byte fits nothing. A value that is cut off may be read on into what comes behind it; who began with it sees that
   it did not end where it should. */

#ifndef STREAMS_SCAN_H
#define STREAMS_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef const unsigned char *Place;

enum { MOST_DIGITS = 18, MOST_SCALE = 6, MOST_DEPTH = 16 };

/* A number as it is written: digits / 10^scale. */
typedef struct {
    int64_t digits;
    int scale;
} Number;

static inline bool is_digit(unsigned char byte) { return byte >= '0' && byte <= '9'; }

static inline Place skip_space(Place at)
{
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')
        at++;
    return at;
}

/* One character of two to four bytes, as the Unicode standard's table 3-7 has it. */
static Place skip_wide(Place at)
{
    unsigned char first = at[0], least = 0x80, most = 0xBF;
    int more = first < 0xC2 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : first < 0xF5 ? 3 : 0;
    if (first == 0xE0)
        least = 0xA0;
    else if (first == 0xED)
        most = 0x9F;
    else if (first == 0xF0)
        least = 0x90;
    else if (first == 0xF4)
        most = 0x8F;
    if (!more || at[1] < least || at[1] > most)
        return NULL;
    for (int next = 2; next <= more; next++)
        if (at[next] < 0x80 || at[next] > 0xBF)
            return NULL;
    return at + more + 1;
}

/* From behind the opening quote to the closing one: a text without escapes. */
static inline Place scan_text(Place at)
{
    for (;;) {
        unsigned char byte = *at;
        if (byte == '"')
            return at;
        if (byte == '\\' || byte < 0x20)
            return NULL;
        if (byte < 0x80)
            at++;
        else if (!(at = skip_wide(at)))
            return NULL;
    }
}

/* The same of a text that nobody keeps: escapes of one letter are fine. */
static inline Place skip_text(Place at)
{
    for (;;) {
        unsigned char byte = *at;
        if (byte == '"')
            return at;
        if (byte < 0x20)
            return NULL;
        if (byte == '\\') {
            if (!at[1] || !strchr("\"\\/bfnrt", at[1]))
                return NULL;
            at += 2;
        } else if (byte < 0x80)
            at++;
        else if (!(at = skip_wide(at)))
            return NULL;
    }
}

/* Minus zero is not plain: Python's decimals keep its sign, integers do not. */
static inline Place scan_number(Place at, Number *number)
{
    bool is_minus = *at == '-';
    Place first = at += is_minus;
    int64_t digits = 0;
    while (is_digit(*at) && at - first < MOST_DIGITS)
        digits = digits * 10 + (*at++ - '0');
    if (at == first || is_digit(*at) || (*first == '0' && at - first > 1))
        return NULL;
    int scale = 0;
    if (*at == '.') {
        Place point = at++;
        while (is_digit(*at) && at - first <= MOST_DIGITS)
            digits = digits * 10 + (*at++ - '0');
        scale = (int)(at - point) - 1;
        if (!scale || scale > MOST_SCALE || is_digit(*at))
            return NULL;
    }
    if (*at == 'e' || *at == 'E' || (is_minus && !digits))
        return NULL;
    number->digits = is_minus ? -digits : digits;
    number->scale = scale;
    return at;
}

static inline Place skip_word(Place at, const char *word, size_t length)
{
    return strncmp((const char *)at, word, length) ? NULL : at + length;
}

/* Any plain value. */
static Place skip_value(Place at, int depth)
{
    Number number;
    switch (*at) {
    case '"':
        at = skip_text(at + 1);
        return at ? at + 1 : NULL;
    case 't':
        return skip_word(at, "true", 4);
    case 'f':
        return skip_word(at, "false", 5);
    case 'n':
        return skip_word(at, "null", 4);
    case '{':
    case '[':
        break;
    default:
        return scan_number(at, &number);
    }
    bool is_object = *at == '{';
    unsigned char closing = is_object ? '}' : ']';
    if (depth >= MOST_DEPTH)
        return NULL;
    at = skip_space(at + 1);
    if (*at == closing)
        return at + 1;
    for (;;) {
        if (is_object) {
            if (*at != '"' || !(at = skip_text(at + 1)))
                return NULL;
            at = skip_space(at + 1);
            if (*at != ':')
                return NULL;
            at = skip_space(at + 1);
        }
        if (!(at = skip_value(at, depth + 1)))
            return NULL;
        at = skip_space(at);
        if (*at == closing)
            return at + 1;
        if (*at != ',')
            return NULL;
        at = skip_space(at + 1);
    }
}

#endif

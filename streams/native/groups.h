/* Groups: which group each event belongs to, and the state of each as text, as numbers and as text again.

   A state's text is what the table's changelog has: [newest event time, slot, …]. Slots are counts and sums. */

#ifndef STREAMS_GROUPS_H
#define STREAMS_GROUPS_H

#include <Python.h>

#include "buffer.h"
#include "columns.h"

/* A number or NULL. */
typedef struct {
    int64_t digits;
    uint8_t scale, is_null;
} Slot;

typedef struct {
    int kind;   /* c(ount of events), n(umber of values) or s(um) */
    int column; /* of the value */
} SlotKind;

typedef struct {
    PyObject *by;             /* tuple of columns */
    int64_t size_ms, open_ms; /* of windows; size 0: there are none */
    SlotKind *kinds;
    Py_ssize_t slot_count;
    int first_slot; /* among those of all tables */
} Table;

/* The groups of some events, in the order in which they are met. */
typedef struct {
    PyObject **keys;
    uint64_t *hashes;
    Py_ssize_t count;
    Py_ssize_t *of;     /* by event its group; -1: none */
    Py_ssize_t *places; /* open addressing: the number of a group and one */
    size_t mask;
    int64_t *newest; /* by group: newest event time */
    Slot *slots;     /* by group */
    Py_ssize_t slot_count;
} Grouping;

static void clear_grouping(Grouping *grouping)
{
    for (Py_ssize_t group = 0; group < grouping->count; group++)
        Py_DECREF(grouping->keys[group]);
    PyMem_Free(grouping->keys);
    PyMem_Free(grouping->hashes);
    PyMem_Free(grouping->of);
    PyMem_Free(grouping->places);
    PyMem_Free(grouping->newest);
    PyMem_Free(grouping->slots);
    memset(grouping, 0, sizeof *grouping);
}

static int open_grouping(Grouping *grouping, Py_ssize_t events, Py_ssize_t slot_count)
{
    clear_grouping(grouping);
    size_t size = 16, most = (size_t)events + 1;
    while (size < most * 2)
        size *= 2;
    grouping->mask = size - 1;
    grouping->slot_count = slot_count;
    grouping->keys = PyMem_Calloc(most, sizeof(PyObject *));
    grouping->hashes = PyMem_Calloc(most, sizeof(uint64_t));
    grouping->of = PyMem_Calloc(most, sizeof(Py_ssize_t));
    grouping->places = PyMem_Calloc(size, sizeof(Py_ssize_t));
    grouping->newest = PyMem_Calloc(most, sizeof(int64_t));
    grouping->slots = PyMem_Calloc(most * (size_t)(slot_count + 1), sizeof(Slot));
    bool is_whole = grouping->keys && grouping->hashes && grouping->of && grouping->places && grouping->newest;
    return is_whole && grouping->slots ? 0 : (PyErr_NoMemory(), -1);
}

static Slot *slots_of(const Grouping *grouping, Py_ssize_t group) { return &grouping->slots[group * grouping->slot_count]; }

/* FNV-1a, stirred so that the low bits depend on all of it. */
static uint64_t hash_of(const Buffer *buffer)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t place = 0; place < buffer->length; place++)
        hash = (hash ^ (unsigned char)buffer->bytes[place]) * 0x100000001B3u;
    return hash ^ (hash >> 32);
}

/* The group whose key is in the buffer, a new one if need be; -1: an exception. */
static Py_ssize_t find_group(Grouping *grouping, const Buffer *key)
{
    if (key->has_failed)
        return PyErr_NoMemory(), -1;
    uint64_t hash = hash_of(key);
    size_t place = hash & grouping->mask;
    for (; grouping->places[place]; place = (place + 1) & grouping->mask) {
        Py_ssize_t group = grouping->places[place] - 1;
        PyObject *held = grouping->keys[group];
        if (grouping->hashes[group] == hash && (size_t)PyBytes_GET_SIZE(held) == key->length
            && !memcmp(PyBytes_AS_STRING(held), key->bytes, key->length))
            return group;
    }
    PyObject *made = bytes_of(key);
    if (!made)
        return -1;
    grouping->keys[grouping->count] = made;
    grouping->hashes[grouping->count] = hash;
    grouping->places[place] = ++grouping->count;
    return grouping->count - 1;
}

static PyObject *missing_groups(const Grouping *grouping, PyObject *held)
{
    PyObject *missing = PyList_New(0);
    for (Py_ssize_t group = 0; missing && group < grouping->count; group++) {
        int is_held = PyDict_Contains(held, grouping->keys[group]);
        if (is_held < 0 || (!is_held && PyList_Append(missing, grouping->keys[group]) < 0))
            Py_CLEAR(missing);
    }
    return missing;
}

/* -- states */

static bool scan_slot(Place *at, Slot *slot)
{
    Number number = {0, 0};
    slot->is_null = **at == 'n';
    *at = slot->is_null ? skip_word(*at, "null", 4) : scan_number(*at, &number);
    slot->digits = number.digits;
    slot->scale = (uint8_t)number.scale;
    return *at != NULL;
}

static bool scan_state(PyObject *text, int64_t *newest, Slot *slots, const Table *table)
{
    Place at = (Place)PyBytes_AS_STRING(text);
    Slot time;
    if (*at++ != '[' || !scan_slot(&at, &time) || time.is_null || time.scale)
        return false;
    *newest = time.digits;
    for (Py_ssize_t slot = 0; slot < table->slot_count; slot++) {
        bool is_sum = table->kinds[slot].kind == 's';
        if (*at++ != ',' || !scan_slot(&at, &slots[slot]))
            return false;
        if (!is_sum && (slots[slot].is_null || slots[slot].scale))
            return false;
    }
    return *at == ']' && at + 1 == (Place)PyBytes_AS_STRING(text) + PyBytes_GET_SIZE(text);
}

static void begin_state(int64_t *newest, Slot *slots, const Table *table)
{
    *newest = -((int64_t)1 << 62);
    for (Py_ssize_t slot = 0; slot < table->slot_count; slot++)
        slots[slot] = (Slot){.is_null = table->kinds[slot].kind == 's'};
}

/* 1: all states are known; 0: one is not plain; -1: an exception. encode writes those that Python holds decoded. */
static int read_states(Grouping *grouping, const Table *table, PyObject *held, PyObject *encode)
{
    int is_plain = 1;
    for (Py_ssize_t group = 0; is_plain == 1 && group < grouping->count; group++) {
        PyObject *state = PyDict_GetItemWithError(held, grouping->keys[group]);
        Slot *slots = slots_of(grouping, group);
        if (!state && PyErr_Occurred())
            return -1;
        if (!state || state == Py_None) {
            begin_state(&grouping->newest[group], slots, table);
            continue;
        }
        PyObject *text = PyBytes_CheckExact(state) ? Py_NewRef(state) : PyObject_CallOneArg(encode, state);
        if (!text)
            return -1;
        is_plain = PyBytes_CheckExact(text) && scan_state(text, &grouping->newest[group], slots, table);
        Py_DECREF(text);
    }
    return is_plain;
}

/* Whether the sum is plain again. */
static bool add(Slot *slot, const Cell *cell)
{
    if (cell->scale > MOST_SCALE)
        return false;
    int64_t sum = slot->is_null ? 0 : slot->digits, more = cell->digits;
    int held = slot->is_null ? 0 : slot->scale, scale = cell->scale > held ? cell->scale : held;
    if (__builtin_mul_overflow(sum, (int64_t)POWERS[scale - held], &sum)
        || __builtin_mul_overflow(more, (int64_t)POWERS[scale - cell->scale], &more)
        || __builtin_add_overflow(sum, more, &sum))
        return false;
    *slot = (Slot){.digits = sum, .scale = (uint8_t)scale};
    return sum < 1000000000000000000 && sum > -1000000000000000000;
}

static bool count_event(Grouping *grouping, const Table *table, Py_ssize_t group, int64_t time_ms, const Cell *cells)
{
    Slot *slots = slots_of(grouping, group);
    if (time_ms > grouping->newest[group])
        grouping->newest[group] = time_ms;
    for (Py_ssize_t slot = 0; slot < table->slot_count; slot++) {
        SlotKind kind = table->kinds[slot];
        bool is_held = kind.kind == 'c' || cells[kind.column].state == HELD;
        if (kind.kind != 's')
            slots[slot].digits += is_held;
        else if (is_held && !add(&slots[slot], &cells[kind.column]))
            return false;
    }
    return true;
}

/* {key: text} */
static PyObject *written_states(const Grouping *grouping, Buffer *buffer)
{
    PyObject *states = PyDict_New();
    for (Py_ssize_t group = 0; states && group < grouping->count; group++) {
        const Slot *slots = slots_of(grouping, group);
        buffer->length = 0;
        put_byte(buffer, '[');
        put_number(buffer, grouping->newest[group], 0);
        for (Py_ssize_t slot = 0; slot < grouping->slot_count; slot++) {
            put_byte(buffer, ',');
            if (slots[slot].is_null)
                put(buffer, "null", 4);
            else
                put_number(buffer, slots[slot].digits, slots[slot].scale);
        }
        put_byte(buffer, ']');
        PyObject *text = bytes_of(buffer);
        if (!text || PyDict_SetItem(states, grouping->keys[group], text) < 0)
            Py_CLEAR(states);
        Py_XDECREF(text);
    }
    return states;
}

/* From (by, size, open, ((kind, column), …)). */
static int fill_table(Table *table, PyObject *told, int column_count)
{
    PyObject *kinds;
    long long size_ms, open_ms;
    if (!PyArg_ParseTuple(told, "O!LLO!", &PyTuple_Type, &table->by, &size_ms, &open_ms, &PyTuple_Type, &kinds))
        return -1;
    table->size_ms = size_ms;
    table->open_ms = open_ms;
    table->slot_count = PyTuple_GET_SIZE(kinds);
    table->kinds = PyMem_Calloc((size_t)table->slot_count + 1, sizeof(SlotKind));
    if (!table->kinds)
        return PyErr_NoMemory(), -1;
    for (Py_ssize_t slot = 0; slot < table->slot_count; slot++) {
        SlotKind *kind = &table->kinds[slot];
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(kinds, slot), "Ci", &kind->kind, &kind->column))
            return -1;
        if (size_ms < 0 || (kind->kind != 'c' && (kind->column < 0 || kind->column >= column_count)))
            return PyErr_SetString(PyExc_ValueError, "no such slot"), -1;
    }
    return 0;
}

#endif

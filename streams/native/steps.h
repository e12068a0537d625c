/* Steps: what happens to the events in hand, up to their groups. Each asks or tells; none changes a table. */

#ifndef STREAMS_STEPS_H
#define STREAMS_STEPS_H

#include <Python.h>

#include "run.h"

/* begin(first, end, watermark) -> the watermark behind them. Takes in hand the events of these records of the batch. */
static PyObject *Run_begin(Run *run, PyObject *args)
{
    Py_ssize_t first, end;
    long long watermark;
    if (!PyArg_ParseTuple(args, "nnL", &first, &end, &watermark))
        return NULL;
    for (run->first = 0; run->first < run->count && run->events[run->first].place < first;)
        run->first++;
    for (run->last = run->first; run->last < run->count && run->events[run->last].place < end; run->last++) {
        Event *event = &run->events[run->last];
        if (run->reader->is_carried) /* with the clock that it found */
            continue;
        if (event->time_ms > watermark)
            watermark = event->time_ms;
        event->clock_ms = watermark;
    }
    for (Py_ssize_t table = 0; table < run->reader->table_count; table++)
        clear_grouping(&run->groupings[table]);
    return PyLong_FromLongLong(watermark);
}

/* The JSON array of the values of columns; what is absent is null. */
static void put_array(Buffer *buffer, const Cell *cells, PyObject *columns)
{
    put_byte(buffer, '[');
    for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(columns); place++) {
        const Cell *cell = &cells[PyLong_AsLong(PyTuple_GET_ITEM(columns, place))];
        if (place)
            put_byte(buffer, ',');
        if (cell->state == ABSENT)
            put(buffer, "null", 4);
        else
            put(buffer, cell->start, cell->length);
    }
    put_byte(buffer, ']');
}

/* serial() -> the largest serial of the identities; None where they have none. */
static PyObject *Run_serial(Run *run, PyObject *Py_UNUSED(ignored))
{
    if (run->reader->serial < 0 || run->first == run->last)
        Py_RETURN_NONE;
    int64_t largest = INT64_MIN;
    for (Py_ssize_t place = run->first; place < run->last; place++) {
        int64_t serial = cells_of(run, place)[run->reader->serial].digits;
        largest = serial > largest ? serial : largest;
    }
    return PyLong_FromLongLong(largest);
}

static int append_number(PyObject *list, int64_t number)
{
    PyObject *held = PyLong_FromLongLong(number);
    int result = held ? PyList_Append(list, held) : -1;
    Py_XDECREF(held);
    return result;
}

/* Makes the identity of an event; where its serial is at most the bound it is added to those found. */
static bool identify(Run *run, Py_ssize_t place, int64_t bound, PyObject *found, PyObject *serials)
{
    Reader *reader = run->reader;
    Event *event = &run->events[place];
    const Cell *cells = cells_of(run, place);
    run->buffer.length = 0;
    put_array(&run->buffer, cells, reader->identity);
    Py_XSETREF(event->identity, bytes_of(&run->buffer));
    if (!event->identity)
        return false;
    if (reader->serial < 0)
        return PyList_Append(found, event->identity) == 0;
    int64_t serial = cells[reader->serial].digits;
    return serial > bound || (PyList_Append(found, event->identity) == 0 && append_number(serials, serial) == 0);
}

/* identities(most) -> (those whose serial is at most that, their serials); all where it is None. */
static PyObject *Run_identities(Run *run, PyObject *most)
{
    Reader *reader = run->reader;
    int64_t bound = INT64_MAX;
    if (most != Py_None && reader->serial >= 0) {
        double number = PyFloat_AsDouble(most);
        if (PyErr_Occurred())
            return NULL;
        bound = number >= 9.2e18 ? INT64_MAX : number <= -9.2e18 ? INT64_MIN : PyLong_Check(most) ? PyLong_AsLongLong(most) : (int64_t)number;
    }
    PyObject *found = PyList_New(0), *serials = PyList_New(0);
    bool is_good = found && serials;
    for (Py_ssize_t place = run->first; is_good && place < run->last; place++)
        is_good = identify(run, place, bound, found, serials);
    if (is_good)
        return Py_BuildValue("(NN)", found, serials);
    Py_XDECREF(found);
    Py_XDECREF(serials);
    return NULL;
}

/* Whether an identity is remembered at its event's clock: 1, 0 or -1. */
static int is_remembered(const Event *event, PyObject *created, PyObject *known)
{
    PyObject *expires = PyDict_GetItemWithError(created, event->identity);
    if (!expires && !PyErr_Occurred() && PyDict_GET_SIZE(known))
        expires = PyDict_GetItemWithError(known, event->identity);
    if (!expires || expires == Py_None)
        return PyErr_Occurred() ? -1 : 0;
    int64_t expires_ms = PyLong_AsLongLong(expires);
    return PyErr_Occurred() ? -1 : expires_ms > event->clock_ms;
}

/* deduplicate(known, keep_ms) -> ({identity: when it may be forgotten}, duplicates), once all identities are made. */
static PyObject *Run_deduplicate(Run *run, PyObject *args)
{
    PyObject *known, *created = PyDict_New();
    long long keep_ms;
    Py_ssize_t duplicates = 0;
    if (!created || !PyArg_ParseTuple(args, "O!L", &PyDict_Type, &known, &keep_ms))
        return Py_XDECREF(created), NULL;
    for (Py_ssize_t place = run->first; place < run->last; place++) {
        Event *event = &run->events[place];
        int is_duplicate = is_in_order(event->identity != NULL) ? is_remembered(event, created, known) : -1;
        if (is_duplicate < 0)
            return Py_DECREF(created), NULL;
        event->is_dropped = is_duplicate;
        duplicates += is_duplicate;
        if (is_duplicate)
            continue;
        PyObject *expires = PyLong_FromLongLong(event->time_ms + keep_ms);
        if (!expires || PyDict_SetItem(created, event->identity, expires) < 0)
            return Py_XDECREF(expires), Py_DECREF(created), NULL;
        Py_DECREF(expires);
    }
    return Py_BuildValue("(Nn)", created, duplicates);
}

static int64_t start_of(int64_t time_ms, int64_t size_ms) { return floored(time_ms, size_ms) * size_ms; }

static void put_group(Buffer *buffer, const Cell *cells, const Table *table, int64_t start_ms)
{
    buffer->length = 0;
    if (table->size_ms) {
        uint64_t moved = (uint64_t)start_ms + ((uint64_t)1 << 63);
        for (int shift = 56; shift >= 0; shift -= 8)
            put_byte(buffer, (char)(moved >> shift));
    }
    put_array(buffer, cells, table->by);
}

/* place(table, forced_ms, held) -> (keys that held has not, late events). Finds the group of each event. */
static PyObject *Run_place(Run *run, PyObject *args)
{
    PyObject *held;
    int number;
    long long forced_ms;
    if (!PyArg_ParseTuple(args, "iLO!", &number, &forced_ms, &PyDict_Type, &held)
        || !is_in_order(number >= 0 && number < run->reader->table_count))
        return NULL;
    const Table *table = &run->reader->tables[number];
    Grouping *grouping = &run->groupings[number];
    Py_ssize_t late = 0;
    if (open_grouping(grouping, run->last - run->first, table->slot_count) < 0)
        return NULL;
    for (Py_ssize_t place = run->first; place < run->last; place++) {
        Event *event = &run->events[place];
        int64_t start_ms = 0, clock_ms = event->clock_ms > forced_ms ? event->clock_ms : forced_ms;
        grouping->of[place - run->first] = -1;
        if (event->is_dropped || !is_change(event))
            continue;
        if (table->size_ms) {
            start_ms = start_of(event->time_ms, table->size_ms);
            if (start_ms + table->open_ms <= clock_ms) {
                event->late++;
                late++;
                continue;
            }
        }
        put_group(&run->buffer, cells_of(run, place), table, start_ms);
        if ((grouping->of[place - run->first] = find_group(grouping, &run->buffer)) < 0)
            return NULL;
    }
    PyObject *missing = missing_groups(grouping, held);
    return missing ? Py_BuildValue("(Nn)", missing, late) : NULL;
}

/* aggregate(table, held, encode) -> {key: text of its state}; None where a state is not plain or would not be. */
static PyObject *Run_aggregate(Run *run, PyObject *args)
{
    PyObject *held, *encode;
    int number;
    if (!PyArg_ParseTuple(args, "iO!O", &number, &PyDict_Type, &held, &encode)
        || !is_in_order(number >= 0 && number < run->reader->table_count && run->groupings[number].of))
        return NULL;
    const Table *table = &run->reader->tables[number];
    Grouping *grouping = &run->groupings[number];
    int is_plain = read_states(grouping, table, held, encode);
    if (is_plain < 0)
        return NULL;
    for (Py_ssize_t place = run->first; is_plain && place < run->last; place++) {
        Py_ssize_t group = grouping->of[place - run->first];
        if (group < 0)
            continue;
        is_plain = count_event(grouping, table, group, run->events[place].time_ms, cells_of(run, place));
        size_t slots = sizeof(Slot) * (size_t)table->slot_count;
        memcpy(&run->slots[place * run->reader->slot_count + table->first_slot], slots_of(grouping, group), slots);
        run->counted[place * run->reader->table_count + number] = true;
    }
    if (!is_plain)
        Py_RETURN_NONE;
    return written_states(grouping, &run->buffer);
}

/* records() -> those of the events in hand. */
static PyObject *Run_records(Run *run, PyObject *Py_UNUSED(ignored))
{
    PyObject *records = PyList_New(run->last - run->first);
    for (Py_ssize_t place = run->first; records && place < run->last; place++)
        PyList_SET_ITEM(records, place - run->first, Py_NewRef(run->events[place].record));
    return records;
}

/* outcomes() -> (events, of these late for so many tables as there are and not dropped). */
static PyObject *Run_outcomes(Run *run, PyObject *Py_UNUSED(ignored))
{
    Py_ssize_t late = 0;
    for (Py_ssize_t place = run->first; place < run->last; place++)
        late += !run->events[place].is_dropped && run->reader->judged_count && run->events[place].late == run->reader->judged_count;
    return Py_BuildValue("(nn)", run->last - run->first, late);
}

/* partitions() -> those upstream that the events in hand come from. */
static PyObject *Run_partitions(Run *run, PyObject *Py_UNUSED(ignored))
{
    PyObject *found = PySet_New(NULL);
    int64_t last = -1;
    for (Py_ssize_t place = run->first; found && place < run->last; place++) {
        if (run->events[place].partition == last)
            continue;
        last = run->events[place].partition;
        PyObject *number = PyLong_FromLongLong(last);
        if (!number || PySet_Add(found, number) < 0)
            Py_CLEAR(found);
        Py_XDECREF(number);
    }
    return found;
}

/* commit_times() -> of the first and the last event in hand; empty without events. */
static PyObject *Run_commit_times(Run *run, PyObject *Py_UNUSED(ignored))
{
    if (run->first == run->last)
        return PyTuple_New(0);
    return Py_BuildValue("(LL)", run->events[run->first].committed_ms, run->events[run->last - 1].committed_ms);
}

#endif

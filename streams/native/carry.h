/* Carry: the records by which events travel to the tasks of their groups, as streams.pipeline.exchange.wire reads them. */

#ifndef STREAMS_CARRY_H
#define STREAMS_CARRY_H

#include <Python.h>

#include "made.h"
#include "publish.h"
#include "run.h"

static void put_member(Buffer *buffer, const char *lead, int64_t number)
{
    put(buffer, lead, strlen(lead));
    put_number(buffer, number, 0);
}

static bool is_late(const Kept *kept, const Event *event)
{
    return kept->size_ms && start_of(event->time_ms, kept->size_ms) + kept->open_ms <= event->clock_ms;
}

/* For which tables the event is late, added to the counts of each; how many these are. */
static int count_late(const Exchange *exchange, Event *event, int64_t *counts)
{
    int late = 0;
    for (Py_ssize_t table = 0; table < exchange->kept_count; table++) {
        bool is_one = is_late(&exchange->kept[table], event);
        counts[table] += is_one;
        late += is_one;
    }
    event->late += late;
    return late;
}

static void put_late(Buffer *buffer, const Exchange *exchange, const Event *event)
{
    const char *before = ",\"l\":[";
    for (Py_ssize_t table = 0; table < exchange->kept_count; table++) {
        if (!is_late(&exchange->kept[table], event))
            continue;
        put(buffer, before, strlen(before));
        put(buffer, exchange->kept[table].name, strlen(exchange->kept[table].name));
        before = ",";
    }
    put_byte(buffer, ']');
}

static void put_carried(Run *run, Buffer *buffer, const Exchange *exchange, Py_ssize_t place, const Origin *origin, bool has_late)
{
    const Event *event = &run->events[place];
    put_member(buffer, "{\"k\":\"e\",\"p\":", origin->partition);
    if (origin->offset)
        put_member(buffer, ",\"q\":", origin->offset);
    put_member(buffer, ",\"c\":", event->clock_ms);
    put_member(buffer, ",\"t\":", event->time_ms);
    if (event->operation != 'c')
        put(buffer, ",\"o\":\"u\"", 8);
    put(buffer, ",\"r\":", 5);
    put_object(buffer, run->reader, cells_of(run, place), exchange->needs);
    if (has_late)
        put_late(buffer, exchange, event);
    if (event->committed_ms)
        put_member(buffer, ",\"m\":", event->committed_ms);
    put_byte(buffer, '}');
}

/* Into ``buffer``, and to the end of ``published``. 1: it travels or is late; 0: too large; -1: an exception. */
static int carry(Run *run, Buffer *buffer, const Exchange *exchange, Py_ssize_t place, Py_ssize_t limit, int64_t *counts, PyObject *published)
{
    Event *event = &run->events[place];
    Origin origin = {0, 0};
    int late = count_late(exchange, event, counts);
    if (late == exchange->kept_count)
        return 1;
    if (!read_origin(event->record, &origin))
        return -1;
    size_t begin = buffer->length;
    put_array(buffer, cells_of(run, place), exchange->by);
    size_t middle = buffer->length;
    put_carried(run, buffer, exchange, place, &origin, late > 0);
    if (buffer->length - begin > (size_t)limit)
        return 0;
    return append_published(published, exchange->topic, middle - begin, buffer->length - middle, event->time_ms) ? 1 : -1;
}

static PyObject *tuple_of(const int64_t *numbers, Py_ssize_t count)
{
    PyObject *found = PyTuple_New(count);
    for (Py_ssize_t place = 0; found && place < count; place++) {
        PyObject *number = PyLong_FromLongLong(numbers[place]);
        if (!number)
            return Py_DECREF(found), NULL;
        PyTuple_SET_ITEM(found, place, number);
    }
    return found;
}

/* carry(exchange, limit) -> (what travels, by table how many events are late); None in place of the first where a record
   is larger than that. */
static PyObject *Run_carry(Run *run, PyObject *args)
{
    Buffer buffer = {0};
    Py_ssize_t limit;
    int number, done = 1;
    if (!PyArg_ParseTuple(args, "in", &number, &limit)
        || !is_in_order(number >= 0 && number < run->reader->exchange_count))
        return NULL;
    const Exchange *exchange = &run->reader->exchanges[number];
    int64_t *counts = zeroed(exchange->kept_count, sizeof(int64_t));
    PyObject *published = counts ? PyList_New(0) : PyErr_NoMemory();
    if (!published)
        return PyMem_Free(counts), NULL;
    for (Py_ssize_t place = run->first; done == 1 && place < run->last; place++)
        if (!run->events[place].is_dropped && is_change(&run->events[place]))
            done = carry(run, &buffer, exchange, place, limit, counts, published);
    PyObject *found = finish(&buffer, published, done), *late = found ? tuple_of(counts, exchange->kept_count) : NULL;
    PyMem_Free(counts);
    if (!late)
        return Py_XDECREF(found), NULL;
    return Py_BuildValue("(NN)", found, late);
}

#endif

/* Publish: the records that a route makes of the events in hand. */

#ifndef STREAMS_PUBLISH_H
#define STREAMS_PUBLISH_H

#include <Python.h>

#include "published.h"
#include "run.h"

static void put_key(Buffer *buffer, const Route *route, const Cell *cells)
{
    put_byte(buffer, '{');
    for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(route->keys); place++) {
        PyObject *key = PyTuple_GET_ITEM(route->keys, place);
        const Cell *cell = &cells[PyLong_AsLong(PyTuple_GET_ITEM(key, 0))];
        if (place)
            put_byte(buffer, ',');
        put_bytes(buffer, PyTuple_GET_ITEM(key, 1));
        put(buffer, cell->start, cell->length);
    }
    put_byte(buffer, '}');
}

static void put_value(Run *run, Buffer *buffer, const Route *route, Py_ssize_t event)
{
    Reader *reader = run->reader;
    const Cell *cells = cells_of(run, event);
    char before = '{';
    for (Py_ssize_t place = 0; place < reader->column_count; place++) {
        if (cells[place].state == ABSENT)
            continue;
        put_byte(buffer, before);
        put_bytes(buffer, reader->leads[place]);
        put(buffer, cells[place].start, cells[place].length);
        before = ',';
    }
    for (Py_ssize_t place = 0; place < route->attachment_count; place++) {
        const Attachment *attachment = &route->attachments[place];
        const Slot *slot = &run->slots[event * reader->slot_count + attachment->slot];
        put_byte(buffer, before);
        put_bytes(buffer, attachment->lead);
        if (!run->counted[event * reader->table_count + attachment->table] || slot->is_null)
            put(buffer, "null", 4);
        else
            put_number(buffer, slot->digits, slot->scale);
        before = ',';
    }
    if (before == '{')
        put_byte(buffer, before);
    put_byte(buffer, '}');
}

/* To the end of ``published``; the last bytes of ``buffer`` are those of key and value. false: an exception. */
static bool append_published(PyObject *published, PyObject *topic, size_t key, size_t value, int64_t time_ms)
{
    Published *made = PyObject_New(Published, &PublishedType);
    if (!made)
        return false;
    made->topic = Py_NewRef(topic);
    made->owner = NULL;
    made->key = (Span){NULL, key ? (Py_ssize_t)key : NOTHING};
    made->value = (Span){NULL, (Py_ssize_t)value};
    made->timestamp_ms = time_ms > 0 ? time_ms : 0;
    int done = PyList_Append(published, (PyObject *)made);
    Py_DECREF(made);
    return done == 0;
}

/* Into ``buffer``, and to the end of ``published``. 1: published; 0: too large; -1: an exception. */
static int publish(Run *run, Buffer *buffer, const Route *route, Py_ssize_t event, Py_ssize_t limit, PyObject *published)
{
    size_t begin = buffer->length;
    if (PyTuple_GET_SIZE(route->keys))
        put_key(buffer, route, cells_of(run, event));
    size_t middle = buffer->length;
    put_value(run, buffer, route, event);
    if (buffer->length - begin > (size_t)limit)
        return 0;
    return append_published(published, route->topic, middle - begin, buffer->length - middle, run->events[event].time_ms) ? 1 : -1;
}

/* The bytes of ``buffer``, which are those of ``published`` one behind the other, become theirs. */
static bool hand_over(Buffer *buffer, PyObject *published)
{
    PyObject *owner = own_bytes(buffer);
    At at = owner ? PyCapsule_GetPointer(owner, NULL) : NULL;
    for (Py_ssize_t place = 0; owner && place < PyList_GET_SIZE(published); place++) {
        Published *made = (Published *)PyList_GET_ITEM(published, place);
        made->owner = Py_NewRef(owner);
        if (made->key.length != NOTHING) {
            made->key.start = at;
            at += made->key.length;
        }
        made->value.start = at;
        at += made->value.length;
    }
    Py_XDECREF(owner);
    return owner != NULL;
}

/* ``published`` with its bytes, where all is done; None where a record is too large. */
static PyObject *finish(Buffer *buffer, PyObject *published, int done)
{
    if (done == 1 && !hand_over(buffer, published))
        done = -1;
    PyMem_Free(buffer->bytes);
    if (done == 1)
        return published;
    Py_DECREF(published);
    return done ? NULL : Py_NewRef(Py_None);
}

/* publish(route, limit) -> what the route publishes of the events; None where one is larger than that. */
static PyObject *Run_publish(Run *run, PyObject *args)
{
    PyObject *published;
    Buffer buffer = {0};
    Py_ssize_t limit;
    int number, done = 1;
    if (!PyArg_ParseTuple(args, "in", &number, &limit)
        || !is_in_order(number >= 0 && number < run->reader->route_count) || !(published = PyList_New(0)))
        return NULL;
    for (Py_ssize_t event = run->first; done == 1 && event < run->last; event++)
        if (!run->events[event].is_dropped)
            done = publish(run, &buffer, &run->reader->routes[number], event, limit, published);
    return finish(&buffer, published, done);
}

#endif

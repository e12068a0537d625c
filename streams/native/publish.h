/* Publish: the records that a route makes of the events in hand. */

#ifndef STREAMS_PUBLISH_H
#define STREAMS_PUBLISH_H

#include <Python.h>

#include "run.h"

static PyObject *key_of(Run *run, const Route *route, const Cell *cells)
{
    Buffer *buffer = &run->buffer;
    Py_ssize_t count = PyTuple_GET_SIZE(route->keys);
    if (!count)
        return Py_NewRef(Py_None);
    buffer->length = 0;
    put_byte(buffer, '{');
    for (Py_ssize_t place = 0; place < count; place++) {
        PyObject *key = PyTuple_GET_ITEM(route->keys, place), *lead = PyTuple_GET_ITEM(key, 1);
        const Cell *cell = &cells[PyLong_AsLong(PyTuple_GET_ITEM(key, 0))];
        if (place)
            put_byte(buffer, ',');
        put(buffer, PyBytes_AS_STRING(lead), (size_t)PyBytes_GET_SIZE(lead));
        put(buffer, cell->start, cell->length);
    }
    put_byte(buffer, '}');
    return bytes_of(buffer);
}

static PyObject *value_of(Run *run, const Route *route, Py_ssize_t event)
{
    Reader *reader = run->reader;
    Buffer *buffer = &run->buffer;
    const Cell *cells = cells_of(run, event);
    buffer->length = 0;
    for (Py_ssize_t place = 0; place < reader->column_count; place++) {
        if (cells[place].state == ABSENT)
            continue;
        put_byte(buffer, buffer->length ? ',' : '{');
        put(buffer, PyBytes_AS_STRING(reader->leads[place]), (size_t)PyBytes_GET_SIZE(reader->leads[place]));
        put(buffer, cells[place].start, cells[place].length);
    }
    for (Py_ssize_t place = 0; place < route->attachment_count; place++) {
        const Attachment *attachment = &route->attachments[place];
        const Slot *slot = &run->slots[event * reader->slot_count + attachment->slot];
        put_byte(buffer, buffer->length ? ',' : '{');
        put(buffer, PyBytes_AS_STRING(attachment->lead), (size_t)PyBytes_GET_SIZE(attachment->lead));
        if (!run->counted[event * reader->table_count + attachment->table] || slot->is_null)
            put(buffer, "null", 4);
        else
            put_number(buffer, slot->digits, slot->scale);
    }
    if (!buffer->length)
        put_byte(buffer, '{');
    put_byte(buffer, '}');
    return bytes_of(buffer);
}

/* 1: published; 0: too large; -1: an exception. */
static int publish(Run *run, const Route *route, Py_ssize_t event, PyObject *make, Py_ssize_t limit, PyObject *published)
{
    int64_t time_ms = run->events[event].time_ms;
    PyObject *delivery = NULL, *key = key_of(run, route, cells_of(run, event)), *value = key ? value_of(run, route, event) : NULL;
    PyObject *time = value ? PyLong_FromLongLong(time_ms > 0 ? time_ms : 0) : NULL;
    int done = -1;
    if (time && PyBytes_GET_SIZE(value) + (key == Py_None ? 0 : PyBytes_GET_SIZE(key)) > limit)
        done = 0;
    else if (time) {
        PyObject *parts[] = {route->topic, key, value, time};
        if ((delivery = PyObject_Vectorcall(make, parts, 0, PUBLISHED_NAMES)) && PyList_Append(published, delivery) == 0)
            done = 1;
    }
    Py_XDECREF(delivery);
    Py_XDECREF(key);
    Py_XDECREF(value);
    Py_XDECREF(time);
    return done;
}

/* publish(route, Delivery, limit) -> what the route publishes of the events; None where one is larger than that. */
static PyObject *Run_publish(Run *run, PyObject *args)
{
    PyObject *make, *published;
    int number;
    Py_ssize_t limit;
    if (!PyArg_ParseTuple(args, "iOn", &number, &make, &limit)
        || !is_in_order(number >= 0 && number < run->reader->route_count) || !(published = PyList_New(0)))
        return NULL;
    for (Py_ssize_t event = run->first; event < run->last; event++) {
        if (run->events[event].is_dropped)
            continue;
        int done = publish(run, &run->reader->routes[number], event, make, limit, published);
        if (done < 1) {
            Py_DECREF(published);
            return done ? NULL : Py_NewRef(Py_None);
        }
    }
    return published;
}

#endif

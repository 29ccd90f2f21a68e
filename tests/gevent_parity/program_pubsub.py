"""A topic with subscribers, each with a queue of its own; one of them leaves in the middle."""

import gevent
from gevent.queue import Queue


class Topic:
    def __init__(self):
        self.subscribers = {}
        self.sent = 0

    def subscribe(self, name):
        queue = self.subscribers[name] = Queue()
        return queue

    def unsubscribe(self, name):
        self.subscribers.pop(name).put(None)

    def publish(self, message):
        self.sent += 1
        for queue in self.subscribers.values():
            queue.put(message)


def subscriber(topic, name):
    seen = 0
    for message in iter(topic.subscribe(name).get, None):
        print(f"{name} got {message}")
        seen += 1
        if message == "bye" + name:
            topic.unsubscribe(name)
    return seen


topic = Topic()
subscribers = [gevent.spawn(subscriber, topic, name) for name in "ABC"]
gevent.sleep(0)
for message in ["hello", "byeB", "news"]:
    topic.publish(message)
    gevent.sleep(0)
print("left: " + " ".join(sorted(topic.subscribers)))
for name in list(topic.subscribers):
    topic.unsubscribe(name)
gevent.joinall(subscribers, raise_error=True)
print(f"{topic.sent} sent, seen: {[g.value for g in subscribers]}")

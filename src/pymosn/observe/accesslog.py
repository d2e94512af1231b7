"""stub"""
class AccessLog:
    def log(self, stream): pass

BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0eee8c825d24');
CREATE TABLE api_tokens (
	user_id INTEGER, 
	service_id INTEGER, 
	id INTEGER NOT NULL, 
	hashed VARCHAR(255), 
	prefix VARCHAR(16), 
	client_id VARCHAR(255), 
	session_id VARCHAR(255), 
	created DATETIME, 
	expires_at DATETIME, 
	last_activity DATETIME, 
	note VARCHAR(1023), 
	scopes TEXT, 
	CONSTRAINT pk_api_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_api_tokens_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_api_tokens_service_id_services FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE, 
	CONSTRAINT uq_api_tokens_hashed UNIQUE (hashed), 
	CONSTRAINT fk_api_tokens_client_id_oauth_clients FOREIGN KEY(client_id) REFERENCES oauth_clients (identifier) ON DELETE CASCADE
);
INSERT INTO "api_tokens" VALUES(NULL,1,1,'sha512:16384:a1b9efdb052398e2:44cb1ac8805f3305f10f96331d09503d2db3665464e19e20c2329b4d32753e3d6e1a1d1c2729d3ed69f214caa26e79e7a79548f82da292527396cfeaebf5f656','0123','jupyterhub',NULL,'2026-11-29 00:39:00.157079',NULL,'2026-11-29 00:39:00.438973','from config','["inherit"]');
INSERT INTO "api_tokens" VALUES(2,NULL,2,'sha512:1:acfff4e90f33f414:5f0ee5a3c1e4191486e72c1f7163b4bc2edc69194176873e61f9577e07b0cfcc183e48eaa208e999ba9ce9e7e325785cffc89574cd4c69f13501f8bfbfe67cbd','1fe5','jupyterhub',NULL,'2026-11-29 00:39:00.867536',NULL,NULL,'Server at /user/alice/','["users:activity!user", "access:servers!server=alice/"]');
INSERT INTO "api_tokens" VALUES(1,NULL,3,'sha512:1:e2efc480e5bbf46f:0d122b5200c9fa71169a88cfdac05fe2e0d5e55698da3a34340c94346b99b7308cc6134d9e5d61c59a590a572b98833138fa330367d534a9c0cf3b4286c7f28c','9096','jupyterhub',NULL,'2026-11-29 00:39:00.960224',NULL,NULL,'Server at /user/bob/','["users:activity!user", "access:servers!server=bob/"]');
INSERT INTO "api_tokens" VALUES(3,NULL,4,'sha512:1:71c8feadf8aa24d9:2e3525ad76687b51a0429f665efe258666b92776906123769f015e620efe6e25ffa8963c97f7a2b7c147e5b91c4df63f765d60ae10b2fd0ea3d7b96df9cad007','3cee','jupyterhub',NULL,'2026-11-29 00:39:01.031441',NULL,NULL,'Server at /user/carol/gpu/','["access:servers!server=carol/gpu", "users:activity!user"]');
INSERT INTO "api_tokens" VALUES(3,NULL,5,'sha512:1:65491e8b8a89b3f0:ab5a735472f12f9209c45bafaa82e0c3d79f1c81739851ef4d6fab99fae278165f0fb207dd1e6f241b59618a8ed9a2bb3c2e11cc0c21b6f6f26febcf05963740','106b','jupyterhub',NULL,'2026-11-29 00:39:01.113083',NULL,NULL,'Server at /user/carol/Big_One/','["access:servers!server=carol/Big_One", "users:activity!user"]');
INSERT INTO "api_tokens" VALUES(2,NULL,6,'sha512:1:79f59000f121d7b5:5b5f5da42bbf1f80b67152508126a8aa0d6a81a92f7fb8aa5dfa1d2270c471c7831fcb40c04bad3745db06bc668718a6d8aa4ba64ebf6794606bbd09d3bcb375','62c8','jupyterhub',NULL,'2026-11-29 00:39:01.161924',NULL,NULL,'of a script of hers','["inherit"]');
CREATE TABLE group_role_map (
	group_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_group_role_map PRIMARY KEY (group_id, role_id), 
	CONSTRAINT fk_group_role_map_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE, 
	CONSTRAINT fk_group_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
CREATE TABLE groups (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	properties TEXT, 
	CONSTRAINT pk_groups PRIMARY KEY (id), 
	CONSTRAINT uq_groups_name UNIQUE (name)
);
INSERT INTO "groups" VALUES(1,'students','{}');
INSERT INTO "groups" VALUES(2,'teachers','{}');
CREATE TABLE oauth_clients (
	id INTEGER NOT NULL, 
	identifier VARCHAR(255), 
	description VARCHAR(1023), 
	secret VARCHAR(255), 
	redirect_uri VARCHAR(1023), 
	allowed_scopes TEXT, 
	CONSTRAINT pk_oauth_clients PRIMARY KEY (id), 
	CONSTRAINT uq_oauth_clients_identifier UNIQUE (identifier)
);
INSERT INTO "oauth_clients" VALUES(1,'jupyterhub','JupyterHub','','','[]');
INSERT INTO "oauth_clients" VALUES(2,'jupyterhub-user-alice','Server at /user/alice/','sha512:16384:52948c2ad252879c:f0b11cb41d7ee07114abe68fc491a9b9d6f76a2f6345a06eb76c1fb1ad6377b9eb5f371d1c1887cd43231eba815ff83c8110ab29170e512494ac77efc929e22e','/user/alice/oauth_callback','["access:servers!server=alice/"]');
INSERT INTO "oauth_clients" VALUES(3,'jupyterhub-user-bob','Server at /user/bob/','sha512:16384:c2bdecdb4221e7f2:9de496fbc604834bf971ac2d800bdad88a71d1acdb59a644655d05790d0de81b5c434da19438fbeeb0046f25b3580b34bc47a39f3d715528ecd639ef31b07de2','/user/bob/oauth_callback','["access:servers!server=bob/"]');
INSERT INTO "oauth_clients" VALUES(4,'jupyterhub-user-carol-gpu','Server at /user/carol/gpu/','sha512:16384:0219a0a3420b3edb:9b465348b427086cfbd0f3f480a648e1cc88917b80a2af883195cacf0853ba2bb41f7baca77014dfe5f800544ccfdd1f16d4f77490a639ed9073274a82063f54','/user/carol/gpu/oauth_callback','["access:servers!server=carol/gpu"]');
INSERT INTO "oauth_clients" VALUES(5,'jupyterhub-user-carol-Big_One','Server at /user/carol/Big_One/','sha512:16384:46993f7cb9234f4a:3b8599d1a63b11179a67904a3fffe37fc79a6fc327d2cc7c3c75108ea460cbdbebb628d82eea2d2a200f5f1211861d25ef68c8009dfb506661534d6785f9b7fb','/user/carol/Big_One/oauth_callback','["access:servers!server=carol/Big_One"]');
CREATE TABLE oauth_codes (
	id INTEGER NOT NULL, 
	client_id VARCHAR(255), 
	code VARCHAR(36), 
	expires_at INTEGER, 
	redirect_uri VARCHAR(1023), 
	session_id VARCHAR(255), 
	user_id INTEGER, 
	scopes TEXT, 
	CONSTRAINT pk_oauth_codes PRIMARY KEY (id), 
	CONSTRAINT fk_oauth_codes_client_id_oauth_clients FOREIGN KEY(client_id) REFERENCES oauth_clients (identifier) ON DELETE CASCADE, 
	CONSTRAINT fk_oauth_codes_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE roles (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	description VARCHAR(1023), 
	scopes TEXT, 
	CONSTRAINT pk_roles PRIMARY KEY (id), 
	CONSTRAINT uq_roles_name UNIQUE (name)
);
INSERT INTO "roles" VALUES(1,'user','Standard user privileges','["self"]');
INSERT INTO "roles" VALUES(2,'server','Post activity only','["users:activity!user", "access:servers!server"]');
INSERT INTO "roles" VALUES(3,'token','Token with same permissions as its owner','["inherit"]');
INSERT INTO "roles" VALUES(4,'admin','Elevated privileges (can do anything)','["admin-ui", "admin:users", "admin:servers", "tokens", "admin:groups", "list:services", "read:services", "read:hub", "proxy", "shutdown", "access:services", "access:servers", "read:roles", "read:metrics"]');
CREATE TABLE servers (
	id INTEGER NOT NULL, 
	proto VARCHAR(15), 
	ip VARCHAR(255), 
	port INTEGER, 
	base_url VARCHAR(255), 
	cookie_name VARCHAR(255), 
	CONSTRAINT pk_servers PRIMARY KEY (id)
);
INSERT INTO "servers" VALUES(1,'http','127.0.0.1',44201,'/user/alice/','cookie');
INSERT INTO "servers" VALUES(2,'http','127.0.0.1',44201,'/user/bob/','cookie');
INSERT INTO "servers" VALUES(3,'http','127.0.0.1',44201,'/user/carol/gpu/','cookie');
INSERT INTO "servers" VALUES(4,'http','127.0.0.1',44201,'/user/carol/Big_One/','cookie');
CREATE TABLE service_role_map (
	service_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_service_role_map PRIMARY KEY (service_id, role_id), 
	CONSTRAINT fk_service_role_map_service_id_services FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE, 
	CONSTRAINT fk_service_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "service_role_map" VALUES(1,4);
CREATE TABLE services (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	admin BOOLEAN, 
	_server_id INTEGER, 
	pid INTEGER, 
	oauth_client_id VARCHAR(255), 
	CONSTRAINT pk_services PRIMARY KEY (id), 
	CONSTRAINT uq_services_name UNIQUE (name), 
	CONSTRAINT fk_services__server_id_servers FOREIGN KEY(_server_id) REFERENCES servers (id) ON DELETE SET NULL, 
	CONSTRAINT fk_services_oauth_client_id_oauth_clients FOREIGN KEY(oauth_client_id) REFERENCES oauth_clients (identifier) ON DELETE SET NULL
);
INSERT INTO "services" VALUES(1,'maker',1,NULL,NULL,NULL);
CREATE TABLE spawners (
	id INTEGER NOT NULL, 
	user_id INTEGER, 
	server_id INTEGER, 
	state TEXT, 
	name VARCHAR(255), 
	started DATETIME, 
	last_activity DATETIME, 
	user_options TEXT, 
	oauth_client_id VARCHAR(255), 
	CONSTRAINT pk_spawners PRIMARY KEY (id), 
	CONSTRAINT fk_spawners_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_spawners_server_id_servers FOREIGN KEY(server_id) REFERENCES servers (id) ON DELETE SET NULL, 
	CONSTRAINT fk_spawners_oauth_client_id_oauth_clients FOREIGN KEY(oauth_client_id) REFERENCES oauth_clients (identifier) ON DELETE SET NULL
);
INSERT INTO "spawners" VALUES(1,1,2,'{"machineid": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e02", "serverport": 8000}','','2026-11-29 00:39:00.976374','2026-11-29 00:39:00.976374','{"machineimage": "Default image", "machinesize": "m1.small"}','jupyterhub-user-bob');
INSERT INTO "spawners" VALUES(2,2,1,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e01", "userserver_port": 8001}','','2026-11-29 00:39:00.879698','2026-11-29 00:39:00.879698','{"userserver_image": "Default image", "userserver_size": "m1.small"}','jupyterhub-user-alice');
INSERT INTO "spawners" VALUES(3,3,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(4,4,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(5,5,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(6,6,NULL,NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "spawners" VALUES(7,3,3,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e03", "userserver_port": 8003}','gpu','2026-11-29 00:39:01.054960','2026-11-29 00:39:01.054960','{"userserver_image": "Default image", "userserver_size": "m1.small"}','jupyterhub-user-carol-gpu');
INSERT INTO "spawners" VALUES(8,3,4,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e04", "userserver_port": 8004}','Big_One','2026-11-29 00:39:01.123886','2026-11-29 00:39:01.123886','{"userserver_image": "Default image", "userserver_size": "m1.small"}','jupyterhub-user-carol-Big_One');
CREATE TABLE user_group_map (
	user_id INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	CONSTRAINT pk_user_group_map PRIMARY KEY (user_id, group_id), 
	CONSTRAINT fk_user_group_map_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_user_group_map_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE
);
INSERT INTO "user_group_map" VALUES(2,1);
INSERT INTO "user_group_map" VALUES(3,1);
INSERT INTO "user_group_map" VALUES(1,2);
CREATE TABLE user_role_map (
	user_id INTEGER NOT NULL, 
	role_id INTEGER NOT NULL, 
	CONSTRAINT pk_user_role_map PRIMARY KEY (user_id, role_id), 
	CONSTRAINT fk_user_role_map_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_user_role_map_role_id_roles FOREIGN KEY(role_id) REFERENCES roles (id) ON DELETE CASCADE
);
INSERT INTO "user_role_map" VALUES(1,4);
INSERT INTO "user_role_map" VALUES(1,1);
INSERT INTO "user_role_map" VALUES(2,1);
INSERT INTO "user_role_map" VALUES(3,1);
INSERT INTO "user_role_map" VALUES(4,1);
INSERT INTO "user_role_map" VALUES(5,1);
INSERT INTO "user_role_map" VALUES(6,1);
INSERT INTO "user_role_map" VALUES(6,4);
CREATE TABLE users (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	admin BOOLEAN, 
	created DATETIME, 
	last_activity DATETIME, 
	cookie_id VARCHAR(255) NOT NULL, 
	state TEXT, 
	encrypted_auth_state BLOB, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_name UNIQUE (name), 
	CONSTRAINT uq_users_cookie_id UNIQUE (cookie_id)
);
INSERT INTO "users" VALUES(1,'bob',1,'2026-11-29 00:39:00.121855','2026-11-29 00:39:00.976374','658f4fb4e9e34471a186afaaf600134a','{}',NULL);
INSERT INTO "users" VALUES(2,'alice',0,'2026-11-29 00:39:00.509864','2026-11-29 00:39:00.879698','7e7f710b47854fd88343a47f2c8d661d','{}',NULL);
INSERT INTO "users" VALUES(3,'carol',0,'2026-11-29 00:39:00.530247','2026-11-29 00:39:01.123886','9abf6437ec434033be33d4485761065c','{}',NULL);
INSERT INTO "users" VALUES(4,'dave',0,'2026-11-29 00:39:00.554716',NULL,'9c206e7624854a7cb36541d54faff65f',NULL,X'67414141414142724333516B6273336B42413073414A73373073346E4F34392D736745744B374A59765A4646437A546543704B796943746C65336D695F594F415341517A73457A6E46396132446E426273396D376F57756532776B686A4C3672656D377276666556654F4A3830486D37513678616A4C493D');
INSERT INTO "users" VALUES(5,'o''hara',0,'2026-11-29 00:39:00.579126',NULL,'fc9d3626b544429aad14fa524e5be7d2',NULL,NULL);
INSERT INTO "users" VALUES(6,'erin',1,'2026-11-29 00:39:00.619670',NULL,'1921d39e726140aabef90fdfda74888a',NULL,NULL);
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
COMMIT;
